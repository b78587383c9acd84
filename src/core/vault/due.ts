import type { SecretListing } from "./listing.js"
import { hasPassed, later, utc } from "../words/time.js"

export const DUE = ["exposed", "expired", "expiring"] as const
/** Why a secret should get a new value. */
export type Due = (typeof DUE)[number]

/** An end that is nearer than this is told of. */
const SOON_SECONDS = 30 * 86_400

/** Why a secret should get a new value now; nothing where it need not. */
export function whyDue(
  { exposed = [], expires }: Pick<SecretListing, "exposed" | "expires">,
  now: Date,
): Due[] {
  const end = endDue(expires, now)
  return [
    ...(exposed.length > 0 ? (["exposed"] as const) : []),
    ...(end === undefined ? [] : [end]),
  ]
}

/** Whether a value has ended, or is about to. */
export function endDue(
  expires: string | undefined,
  now: Date,
): Extract<Due, "expired" | "expiring"> | undefined {
  if (hasPassed(expires, utc(now))) return "expired"
  return hasPassed(expires, later(now, SOON_SECONDS)) ? "expiring" : undefined
}
