import type { RevealTerms, SecretListing } from "../../core/index.js"
import type { Reply } from "./client.js"

/** What was decided for the rest of the session, for one value of a secret. */
interface Decision {
  readonly key: string
  readonly choice: "session" | "no"
}

/**
 * What the person at the client has agreed to. They are asked once for a secret, however many calls
 * wait for it. "This session" and "no" hold as long as the server lives and the value is the same.
 * A decline is not a "no": clients decline on their own, and may ask their person the next time.
 */
export class Consent {
  readonly #decisions = new Map<string, Decision>()
  readonly #open = new Map<string, Promise<Reply>>()
  /** How many calls may show a value of a secret once. */
  readonly #once = new Map<string, number>()

  /** What core asks before it hands a value out. */
  readonly isAgreed: RevealTerms["isAgreed"] = (name, value) => {
    const key = keyOf({ ...value, name })
    const decision = this.#decisions.get(name)
    const isForSession = decision?.key === key && decision.choice === "session"
    return isForSession || this.#once.has(key)
  }

  /** Never rejects, as `ask` does not. */
  async of(secret: Asked, ask: () => Promise<Reply>): Promise<Reply> {
    const key = keyOf(secret)
    const decision = this.#decisions.get(secret.name)
    if (decision?.key === key) return decision
    const open = this.#open.get(key)
    if (open !== undefined) return open
    const asking = ask()
    this.#open.set(key, asking)
    const reply = await asking
    this.#open.delete(key)
    const choice = "choice" in reply ? reply.choice : undefined
    if (choice === "session" || choice === "no") this.#decisions.set(secret.name, { key, choice })
    return reply
  }

  /** Does work in which this value of a secret may be shown: the person said "once" to a call. */
  async during<T>(secret: Asked, work: () => Promise<T>): Promise<T> {
    const key = keyOf(secret)
    this.#once.set(key, (this.#once.get(key) ?? 0) + 1)
    try {
      return await work()
    } finally {
      const left = (this.#once.get(key) ?? 1) - 1
      if (left === 0) this.#once.delete(key)
      else this.#once.set(key, left)
    }
  }
}

type Asked = Pick<SecretListing, "name" | "version" | "changed">

function keyOf({ name, version, changed }: Asked): string {
  return `${name} ${version} ${changed}`
}
