/** What a server holds for one client. */
interface OpenSession {
  /** Ends what is open of it. */
  close(): Promise<void>
}

/** How many sessions there are, and how long. */
export interface SessionLimits {
  readonly sessions: number
  /** Requests of one session that are answered at the same time, its stream among them. */
  readonly atOnce: number
  /** How long a session waits for its client, in milliseconds. */
  readonly idle: number
}

interface HeldSession<S> {
  readonly session: S
  /** Its requests that are being answered. */
  busy: number
  timer: NodeJS.Timeout | undefined
}

/** The sessions of a server. Clients that went without a word are forgotten, the longest idle first. */
export class Sessions<S extends OpenSession> {
  /** In the order in which they were last used. */
  readonly #held = new Map<string, HeldSession<S>>()
  readonly #limits: SessionLimits

  constructor(limits: SessionLimits) {
    this.#limits = limits
  }

  /** Whether there is a place for one more; it takes that of the longest idle one. */
  hasPlace(): boolean {
    if (this.#held.size < this.#limits.sessions) return true
    const idle = [...this.#held].find(([, { busy }]) => busy === 0)
    if (idle === undefined) return false
    void this.#end(idle[0])
    return true
  }

  add(id: string, session: S): void {
    const held: HeldSession<S> = { session, busy: 0, timer: undefined }
    this.#held.set(id, held)
    this.#wait(id, held)
  }

  find(id: string): S | undefined {
    return this.#held.get(id)?.session
  }

  /** Forgets a session that has ended. */
  forget(id: string): void {
    clearTimeout(this.#held.get(id)?.timer)
    this.#held.delete(id)
  }

  /** Answers a request of a session, which does not end meanwhile; undefined if it has too many. */
  async answering<T>(id: string, answer: () => Promise<T>): Promise<T | undefined> {
    const held = this.#held.get(id)
    if (held === undefined) return answer()
    if (held.busy >= this.#limits.atOnce) return undefined
    clearTimeout(held.timer)
    held.busy += 1
    this.#held.delete(id)
    this.#held.set(id, held)
    try {
      return await answer()
    } finally {
      held.busy -= 1
      this.#wait(id, held)
    }
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((id) => this.#end(id)))
  }

  #wait(id: string, held: HeldSession<S>): void {
    if (held.busy > 0 || this.#held.get(id) !== held) return
    clearTimeout(held.timer)
    held.timer = setTimeout(() => void this.#end(id), this.#limits.idle).unref()
  }

  async #end(id: string): Promise<void> {
    const session = this.find(id)
    this.forget(id)
    await session?.close()
  }
}
