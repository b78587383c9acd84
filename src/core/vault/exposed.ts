import { ownerName } from "../records/owners.js"
import type { Exposure, Member, SecretRecord } from "../records/record.js"
import { VaultError } from "../words/errors.js"
import type { SecretName } from "../words/names.js"
import { type Vault, findAgent, findGroup } from "./vault.js"

/** Somebody who could read a value and may no longer: an agent, or an owner who was removed, by name. */
export type Exposed =
  Exposure | { readonly owner: string; readonly at: string; readonly why: "removed" }

/** What they are called. */
export function exposedName(exposed: Exposed): string {
  return "agent" in exposed ? exposed.agent : `${exposed.owner} (former owner)`
}

/** All to whom a record says that its value is exposed. */
export function exposedTo(
  { record: { owners } }: Pick<Vault, "record">,
  { exposed = [], exposedToOwners = [] }: Pick<SecretRecord, "exposed" | "exposedToOwners">,
): readonly Exposed[] {
  const former = exposedToOwners.map(({ owner, at }) => ({
    owner: ownerName(owner, owners),
    at,
    why: "removed" as const,
  }))
  return [...exposed, ...former]
}

/**
 * Who could read the present value of a secret, and may no longer. An agent that was revoked and was
 * granted again reads it by right, if its key is the one that it had: an exposure names no key, so only
 * one whose record never changed is known to have it. A grant with an end does not count: it may have
 * ended by now.
 */
export function stillExposed(
  vault: Vault,
  name: SecretName,
  record: SecretRecord,
): readonly Exposed[] {
  const exposed = exposedTo(vault, record)
  if (exposed.length === 0) return exposed
  try {
    const members = findGroup(vault, name.group)?.members ?? []
    return exposed.filter((each) => !("agent" in each) || !readsAgain(vault, members, each))
  } catch (error) {
    // A group or agent whose record is refused takes nothing back.
    if (VaultError.is(error)) return exposed
    throw error
  }
}

function readsAgain(vault: Vault, members: readonly Member[], { agent, why }: Exposure): boolean {
  if (why !== "revoked" && why !== "ended") return false
  const member = members.find((each) => each.agent === agent)
  if (member === undefined || member.until !== undefined) return false
  const record = findAgent(vault, agent)
  return record?.serial === 1 && record.recipient === member.recipient
}
