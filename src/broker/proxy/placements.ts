import { VaultError } from "../../core/index.js"
import { type Occurrence, findInBody, findInHead } from "../placing/occurrences.js"
import { bodyPlaceOf } from "../placing/request-body.js"
import type { Arrival } from "./arrival.js"
import { isForm, refuseOverride } from "./framing.js"
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
  const ofHead = findInHead(head, terms.placeholders)
  const found = [...ofHead, ...(await findInside(arrival, body, terms))]
  const put = found.map((occurrence): Placement => {
    return { ...grantOf(arrival, occurrence, found, terms), occurrence }
  })
  const signed = [
    ...(await findSigV4(arrival, body, terms)),
    ...(await findHmac(arrival, body, terms)),
  ]
  const [inHead, inBody] = [put.slice(0, ofHead.length), put.slice(ofHead.length)]
  const placements = { inHead, inBody, signed }
  const all = allOf(placements)
  if (all.length > 0) {
    const form = arrival.hasBody && isForm(head) ? await body.whole() : undefined
    refuseOverride(head, form)
  }
  refuseBesideSignature(signed, all)
  // Who is asked about each request is asked about its body too.
  if (all.some(({ rule }) => rule.ask === "each")) await body.whole()
  return placements
}

/** The placeholders in a body, which is read as a whole if a rule might put a value into it. */
async function findInside(
  arrival: Arrival,
  body: OutgoingBody,
  terms: GrantTerms,
): Promise<readonly Occurrence[]> {
  const at = arrival.hasBody ? bodyPlaceOf(arrival.head) : undefined
  if (at === undefined) return []
  const grants = grantsAt(arrival, at, terms, ({ scheme }) => scheme === "raw")
  if (grants.length === 0) return []
  const sent = new Set(grants.map(({ name }) => name.full))
  const isSent = (secret: string): boolean => sent.has(secret)
  return findInBody(at, await body.whole(), terms.placeholders, isSent)
}

/** What signs a request is nowhere else in it. */
function refuseBesideSignature(signed: readonly Granted[], all: readonly Granted[]): void {
  for (const { name } of signed) {
    if (all.filter((each) => each.name.full === name.full).length === 1) continue
    throw new VaultError("PLACEHOLDER_REFUSED", `${name.full} is in the request twice`, {
      hint: "let the client sign with it once, and send it nowhere: agent-vault use --list",
    })
  }
}
