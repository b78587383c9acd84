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
import { rawPathOf } from "../placing/request-head.js"
import type { Arrival } from "./arrival.js"

/** A secret that a rule lets go into a request, and where in it. */
export interface Granted {
  readonly name: SecretName
  readonly rule: Use
  readonly sending: Sending
}

/** What rules are asked with. */
export interface GrantTerms {
  readonly vault: Pick<BrokeredVault, "bound" | "rule">
  readonly placeholders: Placeholders
}

/**
 * A placeholder's secret at a place of a request, if a rule lets it go there now.
 * Throws `USE_REFUSED`, `NOT_GRANTED`, `GRANT_ENDED`, and the codes of exit 5.
 */
export async function grantAt(
  arrival: Arrival,
  secret: string,
  at: UsePlace,
  { vault }: GrantTerms,
): Promise<Granted> {
  const sending = sendingAt(arrival, at)
  return { name: parseSecretName(secret), rule: await vault.rule(secret, sending), sending }
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
    if (rule !== undefined) grants.push({ name: parseSecretName(secret), rule, sending })
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
