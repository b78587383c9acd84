import { generateIdentity, recipientOf } from "../age/age.js"
import { VaultError } from "../words/errors.js"
import { openGroupKey, sealGroupKey } from "../vault/group-key.js"
import { groupKeyPath, groupPastPath, groupRecordPath } from "../words/layout.js"
import { type GroupPlan, type Plan, needsRekey } from "../vault/plan.js"
import type { SecretName } from "../words/names.js"
import { sealedToOwners } from "../records/owners.js"
import { type GroupRecord, type OwnerExposure, digestOf, unsigned } from "../records/record.js"
import { type ExposedSecret, rekeyGroup, resealStale } from "./rekey.js"
import { asOpener, sealGroupToOwners } from "./seal-to-owners.js"
import { type Precedent, precedentsOf } from "./precedent.js"
import { type Session, dropGrants, putRecord } from "./session.js"
import { hasPassed, utc, laterOf } from "../words/time.js"
import {
  findAgentRecord,
  findGroup,
  getGroup,
  listAgents,
  listGroups,
  notFound,
  refuseSealingToOlder,
} from "../vault/vault.js"
import { secretsByGroup } from "../vault/listing.js"

/** What applying a plan did. */
export interface Applied {
  readonly plan: Plan
  /** Values that agents could read which may not read them now: rotate them. */
  readonly exposed: readonly ExposedSecret[]
}

/**
 * Executes a plan in the draft: the groups it names, one after the other. Returns the values that
 * this exposes. Throws `AGENT_NOT_FOUND`, `PENDING`, and what {@link refuseSealingToOlder} throws.
 */
export async function executePlan(session: Session, plan: Plan): Promise<readonly ExposedSecret[]> {
  for (const group of plan.groups) refuseImpossible(session, group)
  for (const given of access(plan)) session.requirePerson(given)
  const ground = await groundOf(session, plan)
  const exposed: (readonly ExposedSecret[])[] = []
  for (const group of plan.groups) {
    exposed.push(await asOpener(session, () => executeGroup(session, group, ground)))
  }
  dropEndedGrants(session, plan)
  return exposed.flat()
}

/** What a plan gives, each told as something to do. */
function access({ groups }: Plan): readonly string[] {
  return groups.flatMap(({ group, gains, retimed }) => [
    ...gains.map(({ agent }) => `give ${agent} access to ${group}`),
    ...retimed.flatMap(({ agent, from, until }) =>
      from !== undefined && (until === undefined || until > from)
        ? [`let ${agent} open ${group} for longer`]
        : [],
    ),
  ])
}

/** What must be known of groups before they change: asked once, however many they are. */
interface Ground {
  /** How far the records of new groups had come before, by path. */
  readonly precedents: ReadonlyMap<string, Precedent>
  readonly secrets: ReadonlyMap<string, readonly SecretName[]>
}

async function groundOf(session: Session, { groups }: Plan): Promise<Ground> {
  const made = groups.filter(({ is }) => is === "new").map(({ group }) => groupRecordPath(group))
  return {
    precedents: await precedentsOf(session, made),
    secrets: groups.some(needsRekey) ? secretsByGroup(session.vault) : new Map(),
  }
}

async function executeGroup(
  session: Session,
  plan: GroupPlan,
  ground: Ground,
): Promise<readonly ExposedSecret[]> {
  if (plan.is === "new") return createGroup(session, plan, ground)
  if (plan.is === "gone") return removeGroup(session, plan)
  const record = getGroup(session.vault, plan.group)
  refuseSealingToOlder(session.vault, record)
  if (needsRekey(plan)) {
    const at = utc(session.now)
    // No clock ends a grant before it began: see undoneBy().
    const losses = plan.losses.map(({ agent, since, why }) => ({
      agent,
      at: laterOf(at, since),
      why,
    }))
    const secrets = ground.secrets.get(plan.group) ?? []
    const { members, formerOwners } = plan
    return rekeyGroup(session, plan.group, record, secrets, { members, losses, formerOwners })
  }
  if (plan.gains.length + plan.retimed.length > 0) await resealGroup(session, plan, record)
  if (plan.lacksOwner === true) await sealGroupToOwners(session, plan.group)
  if (plan.stale.length === 0) return []
  return resealStale(session, plan.group, getGroup(session.vault, plan.group), plan.stale)
}

const NONE_BEFORE: Precedent = { epoch: 0, serial: 0, revoked: [] }

async function createGroup(
  session: Session,
  plan: GroupPlan,
  { precedents }: Ground,
): Promise<readonly ExposedSecret[]> {
  const { vault, draft } = session
  const path = groupRecordPath(plan.group)
  const { epoch, serial, revoked } = precedents.get(path) ?? NONE_BEFORE
  const lost = new Map(revoked.map(({ agent, at }) => [agent, at]))
  const members = plan.members.map((member) => ({
    ...member,
    since: laterOf(member.since, lost.get(member.agent)),
  }))
  const stay = new Set(members.map(({ agent }) => agent))
  const identity = await generateIdentity(vault.record.keys)
  const key = await sealGroupKey(identity, plan.members, vault.owners)
  draft.write(groupKeyPath(plan.group), key)
  const former = removedBefore(session)
  // An epoch that they could open at the latest, and did not.
  const last = former.length === 0 ? epoch : Math.max(epoch, 1)
  putRecord<GroupRecord>(session, {
    kind: "group",
    vault: vault.id,
    path,
    serial: serial + 1,
    epoch: last + 1,
    recipient: await recipientOf(identity),
    members,
    revoked: revoked.filter(({ agent }) => !stay.has(agent)),
    digest: digestOf(key),
    ...sealedToOwners(vault.record.owners),
    ...(former.length === 0
      ? {}
      : { revokedOwners: former.map((owner) => ({ ...owner, epoch: last })) }),
  })
  return []
}

/**
 * The owners who were removed by now, as the record of a new group says: beside it, a vault.json from
 * before that is told from one that goes on.
 */
function removedBefore({ vault, now }: Session): readonly OwnerExposure[] {
  const known = listGroups(vault).flatMap((group) => findGroup(vault, group)?.revokedOwners ?? [])
  const times = new Map(known.map(({ owner, at }) => [owner, at]))
  return vault.record.owners
    .filter(({ ended }) => ended !== undefined)
    .map(({ signer }) => ({ owner: signer, at: times.get(signer) ?? utc(now) }))
    .sort((one, other) => (one.owner < other.owner ? -1 : 1))
}

function removeGroup(session: Session, { group }: GroupPlan): readonly ExposedSecret[] {
  for (const path of [groupRecordPath(group), groupKeyPath(group), groupPastPath(group)]) {
    session.draft.remove(path)
  }
  return []
}

/** Gains and new ends leave the key pair as it is: one small file is sealed anew. */
async function resealGroup(session: Session, plan: GroupPlan, record: GroupRecord): Promise<void> {
  const { vault, draft } = session
  const path = groupKeyPath(plan.group)
  const identity = await openGroupKey(vault, plan.group, record, [session.identity])
  const key = await sealGroupKey(identity, plan.members, vault.owners)
  draft.write(path, key)
  const regained = new Set(plan.members.map(({ agent }) => agent))
  putRecord<GroupRecord>(session, {
    ...unsigned(record),
    serial: record.serial + 1,
    members: plan.members,
    revoked: record.revoked.filter(({ agent }) => !regained.has(agent)),
    digest: digestOf(key),
    ...sealedToOwners(vault.record.owners),
  })
}

/**
 * A grant that ran out is rekeyed away, and its line goes with it. So does the line of an agent that
 * was removed, which a merge brings back if the other side granted it something meanwhile.
 */
function dropEndedGrants(session: Session, plan: Plan): void {
  const now = utc(session.now)
  const planned = new Set(plan.groups.map(({ group }) => group))
  dropGrants(
    session,
    ({ agent, group, until }) =>
      planned.has(group) && (hasPassed(until, now) || isRemoved(session, agent)),
  )
}

function refuseImpossible(session: Session, plan: GroupPlan): void {
  const unknown = plan.unknown.find((agent) => !isRemoved(session, agent))
  if (unknown !== undefined) {
    throw notFound("AGENT_NOT_FOUND", "agent", unknown, listAgents(session.vault))
  }
  if (plan.is === "gone" && plan.secrets > 0) {
    throw new VaultError(
      "PENDING",
      `the manifest no longer lists ${plan.group}, which still holds secrets (${plan.secrets})`,
      {
        hint: `put "${plan.group}: {}" back under groups, or remove its secrets first: agent-vault rm ${plan.group}/NAME…`,
      },
    )
  }
  for (const { agent } of plan.members) refuseOldAgent(session, agent)
}

function isRemoved({ vault }: Session, agent: string): boolean {
  return findAgentRecord(vault, agent)?.ended !== undefined
}

function refuseOldAgent(session: Session, agent: string): void {
  const record = findAgentRecord(session.vault, agent)
  if (record !== undefined) refuseSealingToOlder(session.vault, record)
}
