import { VaultError } from "../../core/index.js"
import { type Occurrence, findInBody, findInHead } from "../placing/occurrences.js"
import { bodyPlaceOf } from "../placing/request-body.js"
import type { Arrival } from "./arrival.js"
import { refuseOverride } from "./framing.js"
import { type GrantTerms, type Granted, grantOf, grantsAt } from "./granted.js"
import type { OutgoingBody } from "./outgoing-body.js"
import { type SignedPlacement, findHmac, findSigV4 } from "./signatures.js"

/** A placeholder in a request, and the rule by which its secret may be sent there. */
export interface Placement extends Granted {
  readonly occurrence: Occurrence
}

/** What of a request is to be replaced. */
export interface Placements {
  readonly inHead: readonly Placement[]
  readonly inBody: readonly Placement[]
  readonly signed: readonly SignedPlacement[]
}

/** Nothing is to be replaced. */
export const NO_PLACEMENTS: Placements = { inHead: [], inBody: [], signed: [] }

/** All of them. */
export function allOf({ inHead, inBody, signed }: Placements): readonly Granted[] {
  return [...inHead, ...inBody, ...signed]
}

/**
 * Finds the placeholders in a request, and the signatures made with them, and asks grant, freshness
 * and rule of each. In the body, those that no rule would send there are merely quoted, and pass.
 * Throws `PLACEHOLDER_REFUSED`, `USE_REFUSED`, `NOT_GRANTED`, `GRANT_ENDED`, and the codes of exit 5.
 */
export async function findPlacements(
  arrival: Arrival,
  body: OutgoingBody,
  terms: GrantTerms,
): Promise<Placements> {
  const { head } = arrival
  const found = findInHead(head, terms.placeholders)
  const inHead: Placement[] = []
  for (const occurrence of found) inHead.push(placementOf(arrival, occurrence, terms))
  const inBody = await findInside(arrival, body, found, terms)
  const signed = [
    ...(await findSigV4(arrival, body, terms)),
    ...(await findHmac(arrival, body, terms)),
  ]
  const placements = { inHead, inBody, signed }
  const all = allOf(placements)
  if (all.length > 0) refuseOverride(head)
  refuseTwice(all)
  // Who is asked about each request is asked about its body too.
  if (all.some(({ rule }) => rule.ask === "each")) await body.whole()
  return placements
}

function placementOf(arrival: Arrival, occurrence: Occurrence, terms: GrantTerms): Placement {
  return { ...grantOf(arrival, occurrence, terms), occurrence }
}

/** The placements in a body, which is read as a whole if a rule might put a value into it. */
async function findInside(
  arrival: Arrival,
  body: OutgoingBody,
  inHead: readonly Occurrence[],
  terms: GrantTerms,
): Promise<Placement[]> {
  const at = arrival.hasBody ? bodyPlaceOf(arrival.head) : undefined
  if (at === undefined) return []
  const grants = grantsAt(arrival, at, terms, ({ scheme }) => scheme === "raw")
  if (grants.length === 0) return []
  const sent = new Set(grants.map(({ name }) => name.full))
  const isSent = (secret: string): boolean => sent.has(secret)
  const whole = await body.whole()
  const placements: Placement[] = []
  for (const occurrence of findInBody(at, whole, terms.placeholders, isSent, inHead)) {
    placements.push(placementOf(arrival, occurrence, terms))
  }
  return placements
}

function refuseTwice(all: readonly Granted[]): void {
  const seen = new Set<string>()
  for (const { name } of all) {
    if (seen.has(name.full)) {
      throw new VaultError("PLACEHOLDER_REFUSED", `${name.full} is in the request twice`, {
        hint: "send it once, at the place that its use names: agent-vault use --list",
      })
    }
    seen.add(name.full)
  }
}
