import type { Reveal, SecretListing } from "../core/index.js"
import type { Reply } from "./serving.js"

const BY_STRICTNESS: readonly Reveal[] = ["never", "confirm", "allow"]

/** The policy of a secret: its signed record's or the server's, whichever is stricter. */
export function policyOf({ reveal = "allow" }: Pick<SecretListing, "reveal">, own: Reveal): Reveal {
  return BY_STRICTNESS.find((policy) => policy === reveal || policy === own) ?? "never"
}

/** What was decided for the rest of the session, for one version of a secret. */
interface Decision {
  readonly version: number
  readonly choice: "session" | "no"
}

/**
 * What the person at the client has agreed to. They are asked once for a secret, however many calls
 * wait for it. "This session" and "no" hold as long as the server lives and the value is the same.
 * A decline is no "no": clients decline on their own, and may ask their person the next time.
 */
export class Consent {
  readonly #decisions = new Map<string, Decision>()
  readonly #open = new Map<string, Promise<Reply>>()

  /** Never rejects, as `ask` does not. */
  async of(
    { name, version }: Pick<SecretListing, "name" | "version">,
    ask: () => Promise<Reply>,
  ): Promise<Reply> {
    const decision = this.#decisions.get(name)
    if (decision?.version === version) return decision
    const key = `${name} ${version}`
    const open = this.#open.get(key)
    if (open !== undefined) return open
    const asking = ask()
    this.#open.set(key, asking)
    const reply = await asking
    this.#open.delete(key)
    if ("choice" in reply && reply.choice !== "once") {
      this.#decisions.set(name, { version, choice: reply.choice })
    }
    return reply
  }
}
