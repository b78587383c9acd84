/** What is passed to a program. */
const PASSED = [
  "SIGTERM",
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGCONT",
  "SIGWINCH",
  "SIGBREAK",
] as const satisfies readonly NodeJS.Signals[]

const JOB = ["SIGTSTP", "SIGCONT"] as const

/** Holds signals from the moment before the child exists, so that none ends us and leaves it alone. */
export class Signals {
  #receiver: ((signal: NodeJS.Signals) => void) | undefined
  readonly #held: readonly NodeJS.Signals[]
  readonly #early: NodeJS.Signals[] = []
  readonly #receive = (signal: NodeJS.Signals): void => {
    if (this.#receiver === undefined) this.#early.push(signal)
    else this.#receiver(signal)
  }

  /** Those, and `more`. */
  constructor(...more: readonly NodeJS.Signals[]) {
    this.#held = [...PASSED, ...more]
    for (const signal of this.#held) process.on(signal, this.#receive)
  }

  /** What came until now may have another receiver: there was no child yet that had it as well. */
  passTo(receiver: (signal: NodeJS.Signals) => void, early = receiver): void {
    this.#receiver = receiver
    for (const signal of this.#early.splice(0)) early(signal)
  }

  /**
   * Stops us, with all of our group, as Ctrl-Z would. Comes back when we are continued, which is no
   * news then; at once where nobody could continue us, and the system stops nobody.
   */
  stopWithGroup(): void {
    for (const signal of JOB) process.removeListener(signal, this.#receive)
    process.kill(0, "SIGTSTP")
    for (const signal of JOB) process.on(signal, this.#receive)
  }

  release(): void {
    for (const signal of this.#held) process.removeListener(signal, this.#receive)
  }
}
