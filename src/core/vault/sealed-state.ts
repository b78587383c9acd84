import { countRecipients } from "../age/age-file.js"
import { VaultError } from "../words/errors.js"
import type { SealedGroup, SealedState } from "./plan.js"
import { type AgentRecord, type GroupRecord, digestOf } from "../records/record.js"
import { escrowPath, groupKeyPath, groupPastPath } from "../words/layout.js"
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
    byGroup.set(group, {
      record,
      secrets: own.length,
      stale: stale.map(({ full }) => full),
      lacksOwner: lacksOwner(vault, group, record),
    })
  }
  const agents = listAgents(vault).map(
    (name) => [name, present(findAgentRecord(vault, name))] as const,
  )
  return {
    vault: vault.id,
    serial: vault.record.serial,
    agents: new Map(agents),
    groups: byGroup,
    closedEscrows: agents
      .filter(([name, record]) => isClosedEscrow(vault, name, record))
      .map(([name]) => name),
  }
}

/** What was listed a moment ago and is gone now: somebody is changing the vault. */
function present<T>(record: T | undefined): T {
  if (record === undefined) throw new VaultError("BUSY", "the vault is changing; try again")
  return record
}

/**
 * Whether the keys of a group are sealed to fewer than its members and the owners. An age header does
 * not say to whom, but to how many; fewer means without a newer owner, as a group that was made
 * on a branch from before they came.
 */
function lacksOwner({ files, owners }: Vault, group: string, record: GroupRecord): boolean {
  if (owners.length < 2) return false
  const readers = new Set([...record.members, ...owners].map(({ recipient }) => recipient))
  const isShort = (path: string, count: number): boolean =>
    countRecipients(files.read(path) ?? new Uint8Array()) < count
  return (
    isShort(groupKeyPath(group), readers.size) ||
    (record.past !== undefined && isShort(groupPastPath(group), owners.length))
  )
}

/** The same for the escrow of an agent. */
function isClosedEscrow({ files, owners }: Vault, agent: string, record: AgentRecord): boolean {
  if (owners.length < 2 || record.escrow === undefined) return false
  return countRecipients(files.read(escrowPath(agent)) ?? new Uint8Array()) < owners.length
}
