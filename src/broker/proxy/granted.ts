import {
  type BoundSecrets,
  type SecretName,
  type Sending,
  type Use,
  type UsePlace,
  VaultError,
  parseSecretName,
  ruleFor,
  ruleOf,
} from "../../core/index.js"
import type { Placeholders } from "../placeholder/placeholders.js"
import type { Occurrence } from "../placing/occurrences.js"
import { rawPathOf } from "../placing/request-head.js"
import { isWorded, misworded } from "../placing/scheme.js"
import type { Arrival } from "./arrival.js"

/** A secret that a rule lets go into a request, and where in it. */
export interface Granted {
  readonly name: SecretName
  readonly rule: Use
  readonly sending: Sending
  /** The rules that the request fits in its wording: only one of these may count, also later. */
  readonly suits?: ((rule: Use) => boolean) | undefined
}

/** What decides about one request. */
export interface GrantTerms {
  /** The secrets of the run and their rules, as they are when the request comes. */
  readonly bound: BoundSecrets
  readonly placeholders: Placeholders
}

/**
 * The secret of a placeholder that was found in a request, if a rule lets it go there now, in the
 * scheme that it is written in. At several places it may be if one and the same rule names them all:
 * `all` are the occurrences of the request.
 * Throws `USE_REFUSED`, `PLACEHOLDER_REFUSED`, `NOT_GRANTED`, `GRANT_ENDED`, and the codes of exit 5.
 */
export function grantOf(
  arrival: Arrival,
  occurrence: Occurrence,
  all: readonly Occurrence[],
  { bound }: GrantTerms,
): Granted {
  const { secret } = occurrence.placeholder
  const sending = sendingAt(arrival, occurrence.at)
  const same = all.filter(({ placeholder }) => placeholder.secret === secret)
  const suitsHere = (rule: Use): boolean => isWorded(occurrence, rule)
  const suits = (rule: Use): boolean =>
    same.every((each) => rule.at.includes(each.at) && isWorded(each, rule))
  const nearest = ruleOf(bound, secret, sending)
  const ruleOr = (fits: (rule: Use) => boolean, refusal: () => VaultError): Use => {
    try {
      return fits(nearest) ? nearest : ruleOf(bound, secret, sending, fits)
    } catch (error) {
      throw VaultError.is(error, "USE_REFUSED") ? refusal() : error
    }
  }
  ruleOr(suitsHere, () => misworded(occurrence, nearest))
  const rule = ruleOr(suits, () => severally(same))
  return { name: parseSecretName(secret), rule, sending, suits }
}

function severally(same: readonly Occurrence[]): VaultError {
  const secret = same.map(({ placeholder }) => placeholder.secret)[0] ?? ""
  const places = same.map(({ at }) => at)
  return new VaultError(
    "PLACEHOLDER_REFUSED",
    `the placeholder of ${secret} is refused: it is at ${places.join(" and ")}, which no one use names`,
    {
      hint: `send it at one place, or an owner names them in one use: ${places.map((at) => `--at ${at}`).join(" ")}`,
    },
  )
}

/** All secrets of the run that rules of a kind let go to a place of a request. */
export function grantsAt(
  arrival: Arrival,
  at: UsePlace,
  { bound }: GrantTerms,
  isMeant: (rule: Use) => boolean,
): Granted[] {
  const sending = sendingAt(arrival, at)
  const grants: Granted[] = []
  for (const [secret, { uses }] of bound) {
    const rule = ruleOrNone(uses.filter(isMeant), sending)
    if (rule !== undefined) {
      grants.push({ name: parseSecretName(secret), rule, sending, suits: isMeant })
    }
  }
  return grants
}

/** A sending to that place of a request. */
export function sendingAt({ hop, head }: Arrival, at: UsePlace): Sending {
  const { host, port } = hop.target
  return { host, port, method: head.method, path: rawPathOf(head), at }
}

/** A path that could be read in two ways fits no rule. */
function ruleOrNone(uses: readonly Use[], sending: Sending): Use | undefined {
  if (uses.length === 0) return undefined
  try {
    return ruleFor(uses, sending)
  } catch (error) {
    if (VaultError.is(error, "USE_REFUSED")) return undefined
    throw error
  }
}
