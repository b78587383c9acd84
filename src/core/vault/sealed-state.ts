import { VaultError } from "../words/errors.js"
import { keeperOf } from "../leases/keepers.js"
import type { FormerOwner, Plan, SealedGroup, SealedState, SealedToOwners } from "./plan.js"
import { type GroupRecord, digestOf } from "../records/record.js"
import { ownersOf } from "../records/owners.js"
import { MANIFEST, secretRecordPath } from "../words/layout.js"
import type { SecretName } from "../words/names.js"
import {
  type Vault,
  findAgent,
  findAgentRecord,
  findGroup,
  findSecret,
  listAgents,
  listGroups,
} from "./vault.js"
import { secretsByGroup } from "./listing.js"

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
      ...sealedOwners(vault, record),
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
    // One that is known to a removed owner stays as it is, and tells that: the agent needs a new key.
    closedEscrows: agents
      .filter(([name, { escrow }]) => escrow !== undefined && whoKnows(vault, name) === undefined)
      .filter(([, record]) => sealedOwners(vault, record).lacksOwner)
      .map(([name]) => name),
  }
}

/**
 * Refuses a vault.json that still lists an owner whose removal a group or an agent's record knows: by
 * it, everything would be sealed to them again. Throws `ROLLED_BACK`.
 */
export function refuseFormerOwners({ owners }: Vault, { groups, agents }: SealedState): void {
  const told = [
    ...[...groups.values()].map(({ record: { path, revokedOwners: lost = [] } }) => ({
      path,
      removed: lost.map(({ owner }) => owner),
    })),
    ...[...agents.values()].map(({ path, removedOwners: removed = [] }) => ({ path, removed })),
  ]
  for (const { path, removed } of told) {
    const former = owners.find(({ signer }) => removed.includes(signer))
    if (former === undefined) continue
    const message = `vault.json lists ${former.name} as an owner, who was removed by ${path}`
    throw new VaultError("ROLLED_BACK", message, {
      hint: "a later vault.json is missing here: get it from whoever removed them, before anything is sealed",
    })
  }
}

/** A plan that names the leases which those alone take who lose something by it. */
export function withKept(vault: Vault, plan: Plan): Plan {
  if (plan.groups.every(({ losses }) => losses.length === 0)) return plan
  const names = secretsByGroup(vault)
  const groups = plan.groups.map((group) => {
    const lost = new Set(group.losses.map(({ agent }) => agent))
    const own = lost.size === 0 ? [] : (names.get(group.group) ?? [])
    const kept = own.flatMap((name) => {
      const lease = mayHaveLease(vault, name) ? findSecret(vault, name)?.lease : undefined
      const agent = lease && keeperOf(lease)
      return agent !== undefined && lost.has(agent) ? [{ secret: name.full, agent }] : []
    })
    return kept.length === 0 ? group : { ...group, kept }
  })
  return { ...plan, groups }
}

/**
 * Whether a record may have a lease, by its bytes, of which there is one encoding: thousands need not
 * be verified here for the few that have one. Whatever changes a secret verifies it.
 */
function mayHaveLease(vault: Vault, name: SecretName): boolean {
  const bytes = vault.files.read(secretRecordPath(name))
  return bytes !== undefined && Buffer.from(bytes).includes('"lease"')
}

/** What was listed a moment ago and is gone now: somebody is changing the vault. */
function present<T>(record: T | undefined): T {
  if (record === undefined) throw new VaultError("BUSY", "the vault is changing; try again")
  return record
}

/**
 * Whether a group, or the escrow of an agent, is sealed to fewer than the owners, as one that was made
 * on a branch from before one came; and which owners can open it who were removed since.
 */
export function sealedOwners(
  { owners, record }: Vault,
  sealed: Pick<GroupRecord, "sealedToOwners">,
): SealedToOwners {
  const signers = new Set(ownersOf(sealed, record.owners))
  return {
    lacksOwner: owners.some(({ signer }) => !signers.has(signer)),
    formerOwners: record.owners
      .filter(({ signer, ended }) => ended !== undefined && signers.has(signer))
      .map(({ name, signer }) => ({ name, signer })),
  }
}

/**
 * A removed owner who can bring an agent's key out of escrow: a branch that did not know of the removal
 * brought it.
 */
export function whoKnows(vault: Vault, agent: string): FormerOwner | undefined {
  const record = findAgent(vault, agent)
  return record?.escrow === undefined ? undefined : sealedOwners(vault, record).formerOwners[0]
}

/**
 * Refuses an agent whose key is known to a removed owner. `first` are the groups that it is to gain, where
 * its new key waits for what else is pending. Throws `PENDING`.
 */
export function refuseKnownKey(vault: Vault, agent: string, first: readonly string[] = []): void {
  const former = whoKnows(vault, agent)
  if (former === undefined) return
  const message = `the key of ${agent} is known to ${former.name}, who was removed as an owner`
  const rekey = `agent-vault agent rekey ${agent}`
  throw new VaultError("PENDING", message, {
    hint:
      first.length === 0
        ? `give it a new one: ${rekey}`
        : `take the grant of ${agent} to ${first.join(", ")} out of ${MANIFEST}, then agent-vault apply; then ${rekey}, and agent-vault grant ${agent} ${first.join(" ")}`,
  })
}
