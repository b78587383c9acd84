import { VaultError } from "../words/errors.js"
import type { SealedGroup, SealedState } from "./plan.js"
import { digestOf } from "../records/record.js"
import {
  type Vault,
  findAgentRecord,
  findGroup,
  findSecret,
  listAgents,
  listGroups,
  secretsByGroup,
} from "./vault.js"

/**
 * What the signed records say of access. Looking for secrets that are sealed to an earlier key
 * reads every record; a plan for a grant can do without.
 */
export function readSealedState(vault: Vault, secrets: "counted" | "read"): SealedState {
  const byGroup = new Map<string, SealedGroup>()
  const names = secretsByGroup(vault)
  for (const group of listGroups(vault)) {
    const record = present(findGroup(vault, group))
    const own = names.get(group) ?? []
    const stale = own.filter(
      (name) =>
        secrets === "read" && findSecret(vault, name)?.sealedTo !== digestOf(record.recipient),
    )
    byGroup.set(group, { record, secrets: own.length, stale: stale.map(({ full }) => full) })
  }
  const agents = listAgents(vault).map(
    (name) => [name, present(findAgentRecord(vault, name))] as const,
  )
  return { vault: vault.id, serial: vault.record.serial, agents: new Map(agents), groups: byGroup }
}

/** What was listed a moment ago and is gone now: somebody is changing the vault. */
function present<T>(record: T | undefined): T {
  if (record === undefined) throw new VaultError("BUSY", "the vault is changing; try again")
  return record
}
