import type { SecretRecord } from "../records/record.js"
import { REVEAL_POLICIES, type Reveal } from "../words/reveal-policy.js"

/** What a surface that shows values to a model brings along. */
export interface RevealTerms {
  /** The policy of secrets whose record has none, and of those that are less strict. */
  readonly atLeast: Reveal
  /** Whether a person agreed that this value of a secret is shown. */
  readonly isAgreed: (secret: string, value: ValueMark) => boolean
}

/** What tells one value of a secret from another: a secret made anew begins with version 1 again. */
type ValueMark = Pick<SecretRecord, "version" | "changed">

/** The policy of a secret: its signed record's or the surface's own, whichever is stricter. */
export function revealPolicy(
  { reveal = "allow" }: { readonly reveal?: Reveal | undefined },
  atLeast: Reveal,
): Reveal {
  return REVEAL_POLICIES.find((policy) => policy === reveal || policy === atLeast) ?? "never"
}

/** Whether a value may be shown to a model. */
export function mayShow(
  name: string,
  record: ValueMark & Pick<SecretRecord, "reveal">,
  terms: RevealTerms,
): boolean {
  const policy = revealPolicy(record, terms.atLeast)
  if (policy === "allow") return true
  return policy === "confirm" && terms.isAgreed(name, record)
}

/** Whether a policy lets a model see more than another; a record without one lets all through. */
export function isWeaker(after: Reveal | undefined, before: Reveal | undefined): boolean {
  return rank(after) > rank(before)
}

function rank(policy: Reveal = "allow"): number {
  return REVEAL_POLICIES.indexOf(policy)
}
