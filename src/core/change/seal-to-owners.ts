import { openGroupKey, openPastKeys, sealGroupKey, sealPastKeys } from "../vault/group-key.js"
import { openEscrow, sealEscrow } from "../vault/escrow.js"
import { getAgent, getGroup, refuseSealingToOlder } from "../vault/vault.js"
import { escrowOwners, sealedToOwners } from "../records/owners.js"
import { type AgentRecord, type GroupRecord, digestOf, unsigned } from "../records/record.js"
import { VaultError } from "../words/errors.js"
import { escrowPath, groupKeyPath, groupPastPath } from "../words/layout.js"
import type { Plan } from "../vault/plan.js"
import { takenEscrows } from "./precedent.js"
import { type Session, putRecord } from "./session.js"

/** Seals a group's keys, the earlier ones too, to its members and every owner; they stay as they are. */
export async function sealGroupToOwners(session: Session, group: string): Promise<void> {
  const { vault, draft, identity } = session
  const record = getGroup(vault, group)
  refuseSealingToOlder(vault, record)
  const current = await openGroupKey(vault, group, record, [identity])
  const past = await openPastKeys(vault, group, record, [identity])
  const key = await sealGroupKey(current, record.members, vault.owners)
  draft.write(groupKeyPath(group), key)
  const body = {
    ...unsigned(record),
    serial: record.serial + 1,
    digest: digestOf(key),
    ...sealedToOwners(vault.record.owners),
  }
  if (record.past === undefined) return void putRecord<GroupRecord>(session, body)
  const pastKeys = await sealPastKeys(past, vault.owners)
  draft.write(groupPastPath(group), pastKeys)
  putRecord<GroupRecord>(session, { ...body, past: digestOf(pastKeys) })
}

/** Seals the escrows to every owner that a plan names. Throws `PENDING`. */
export async function sealEscrowsToOwners(session: Session, { escrows = [] }: Plan): Promise<void> {
  const [refusal] = (await takenEscrows(session, escrows)).values()
  if (refusal !== undefined) throw refusal
  for (const agent of escrows) await asOpener(session, () => sealEscrowToOwners(session, agent))
}

/** Seals one escrow that is not among {@link takenEscrows}. The agent's key stays as it is. */
export async function sealEscrowToOwners(session: Session, agent: string): Promise<void> {
  const { vault, draft, identity } = session
  const record = getAgent(vault, agent)
  refuseSealingToOlder(vault, record)
  const escrow = await sealEscrow(await openEscrow(vault, agent, record, identity), vault.owners)
  draft.write(escrowPath(agent), escrow)
  const serial = record.serial + 1
  putRecord<AgentRecord>(session, {
    ...unsigned(record),
    serial,
    escrow: digestOf(escrow),
    ...escrowOwners(vault.record.owners),
  })
}

/** Does what needs the key of a group or an escrow, and says who has it if this owner has not yet. */
export async function asOpener<T>({ vault, owner }: Session, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!VaultError.is(error, "NOT_A_READER") || vault.owners.length < 2) throw error
    const others = vault.owners.filter(({ signer }) => signer !== owner.signer)
    throw new VaultError("NOT_A_READER", error.message, {
      hint: `it was sealed before ${owner.name} was known as an owner there; one who opens it (${others.map(({ name }) => name).join(", ")}) types: agent-vault apply`,
      cause: error,
    })
  }
}
