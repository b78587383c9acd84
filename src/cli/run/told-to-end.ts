import { constants } from "node:os"
import { setImmediate } from "node:timers/promises"

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const satisfies NodeJS.Signals[]

/**
 * Whether this process was told to end, from the making of this on: until it is released, the first
 * such signal is kept, for there is something to clean up. The second one ends the process.
 */
export class ToldToEnd {
  #signal: NodeJS.Signals | undefined
  readonly #wakers: (() => void)[] = []
  readonly #keep = (signal: NodeJS.Signals): void => {
    this.#signal = signal
    this.release()
    for (const wake of this.#wakers) wake()
  }

  constructor() {
    for (const signal of ENDING) process.on(signal, this.#keep)
  }

  /** Resolves when it is told. */
  async wait(): Promise<void> {
    if (this.#signal !== undefined) return
    await new Promise<void>((resolve) => this.#wakers.push(resolve))
  }

  /** The exit code of who ends by the signal that came; undefined as long as none did. */
  async code(): Promise<number | undefined> {
    // Node hears of signals between two rounds of its work only.
    await setImmediate()
    return this.#signal === undefined ? undefined : 128 + constants.signals[this.#signal]
  }

  release(): void {
    for (const signal of ENDING) process.removeListener(signal, this.#keep)
  }
}
