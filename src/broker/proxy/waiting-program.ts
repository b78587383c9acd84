/** Said once: an abort without a reason makes an error with its stack, each time. */
const GONE = new Error("the program is gone, or has its answer")

/**
 * The program that waits for a request, until it has its answer or is gone. A signal that says so is
 * made for who takes one: for each request it would cost 3 % of its CPU.
 */
export class WaitingProgram {
  #isGone = false
  #whenGone: (() => void)[] = []

  get isGone(): boolean {
    return this.#isGone
  }

  /** Does something when it is gone; at once, if it is. */
  whenGone(work: () => void): void {
    if (this.#isGone) work()
    else this.#whenGone.push(work)
  }

  /** Aborted when it is gone. */
  signal(): AbortSignal {
    const controller = new AbortController()
    this.whenGone(() => controller.abort(GONE))
    return controller.signal
  }

  /** It waits no longer. */
  leave(): void {
    this.#isGone = true
    for (const work of this.#whenGone) work()
    this.#whenGone = []
  }
}
