import {
  type BrokeredVault,
  type SecretName,
  type Sending,
  type Use,
  type UsePlace,
  VaultError,
  parseSecretName,
  ruleFor,
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

/** What rules are asked with. */
export interface GrantTerms {
  readonly vault: Pick<BrokeredVault, "bound" | "rule">
  readonly placeholders: Placeholders
}

/**
 * The secret of a placeholder that was found in a request, if a rule lets it go there now, in the
 * scheme that it is written in.
 * Throws `USE_REFUSED`, `PLACEHOLDER_REFUSED`, `NOT_GRANTED`, `GRANT_ENDED`, and the codes of exit 5.
 */
export async function grantOf(
  arrival: Arrival,
  occurrence: Occurrence,
  { vault }: GrantTerms,
): Promise<Granted> {
  const { placeholder, at } = occurrence
  const { secret } = placeholder
  const sending = sendingAt(arrival, at)
  const suits = (rule: Use): boolean => isWorded(occurrence, rule)
  const nearest = await vault.rule(secret, sending)
  try {
    const rule = suits(nearest) ? nearest : await vault.rule(secret, sending, suits)
    return { name: parseSecretName(secret), rule, sending, suits }
  } catch (error) {
    throw VaultError.is(error, "USE_REFUSED") ? misworded(occurrence, nearest) : error
  }
}

/** All secrets of the run that rules of a kind let go to a place of a request. */
export async function grantsAt(
  arrival: Arrival,
  at: UsePlace,
  { vault }: GrantTerms,
  isMeant: (rule: Use) => boolean,
): Promise<Granted[]> {
  const sending = sendingAt(arrival, at)
  const grants: Granted[] = []
  for (const [secret, { uses }] of await vault.bound()) {
    const rule = ruleOrNone(uses.filter(isMeant), sending)
    if (rule !== undefined) {
      grants.push({ name: parseSecretName(secret), rule, sending, suits: isMeant })
    }
  }
  return grants
}

function sendingAt({ hop, head }: Arrival, at: UsePlace): Sending {
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
