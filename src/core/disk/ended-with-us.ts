import process from "node:process"

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const satisfies readonly NodeJS.Signals[]

/**
 * Ends programs before we end by a signal: those that are not in front of our terminal, nobody else
 * tells, and whoever signals us alone tells none.
 */
export class EndedWithUs {
  #ending = new AbortController()
  #running = 0
  #signal: NodeJS.Signals | undefined
  readonly #keep = (signal: NodeJS.Signals): void => {
    this.#signal ??= signal
    this.#ending.abort()
  }

  /** Aborted when we are told to end, while work is done. */
  get signal(): AbortSignal {
    return this.#ending.signal
  }

  /** Whether a signal came that ends us once the work is done: nobody else listens for it. */
  get endsUs(): boolean {
    return this.#signal !== undefined && process.listenerCount(this.#signal) <= 1
  }

  /** Does work that has ended what it started when it is done. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running === 0) for (const each of ENDING) process.on(each, this.#keep)
    this.#running += 1
    try {
      return await work()
    } finally {
      this.#running -= 1
      if (this.#running === 0) this.#release()
    }
  }

  #release(): void {
    for (const each of ENDING) process.removeListener(each, this.#keep)
    const signal = this.#signal
    if (signal === undefined) return
    // Who else listens has something to clean up too, and ends us then; or does not, and we go on.
    this.#signal = undefined
    this.#ending = new AbortController()
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
  }
}
