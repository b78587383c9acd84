import { setMaxListeners } from "node:events"

/**
 * The end of somebody for whom others may be waited. Most reads wait for nobody, and Node takes longer
 * to make a signal than a read takes: there is one when it is asked for.
 */
export class Ending {
  #controller: AbortController | undefined
  #hasCome = false

  /** Aborted when it comes. Any number of those who wait may listen. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      setMaxListeners(0, this.#controller.signal)
      if (this.#hasCome) this.come()
    }
    return this.#controller.signal
  }

  get hasCome(): boolean {
    return this.#hasCome
  }

  come(): void {
    this.#hasCome = true
    // With a reason: Node's own is an error of the web's, which takes longer to make than a read.
    this.#controller?.abort(new Error("nobody waits any more"))
  }
}
