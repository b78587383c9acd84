import { generateIdentity, recipientOf } from "../age/age.js"
import { type ChangeRequest, type Outcome, change } from "./change.js"
import { VaultError } from "../words/errors.js"
import { openGroupKey, sealGroupKey } from "../vault/group-key.js"
import {
  MANIFEST,
  MANIFEST_LIMIT,
  groupKeyPath,
  groupPastPath,
  groupRecordPath,
} from "../words/layout.js"
import { type GroupPlan, type Plan, isExpiryOnly, makePlan, needsRekey } from "../vault/plan.js"
import { type GroupRecord, digestOf, unsigned } from "../records/record.js"
import { type ExposedSecret, rekeyGroup, resealStale } from "./rekey.js"
import { readSealedState } from "../vault/sealed-state.js"
import { type Session, editDraftManifest, precedent, putRecord, readManifest } from "./session.js"
import { utc } from "../words/time.js"
import {
  findAgentRecord,
  getGroup,
  listAgents,
  notFound,
  refuseSealingToOlder,
} from "../vault/vault.js"

/** What applying a plan did. */
export interface Applied {
  readonly plan: Plan
  /** Values that somebody could read who no longer may: rotate them. */
  readonly exposed: readonly ExposedSecret[]
}

/**
 * Makes the sealed state follow the manifest, an uncommitted edit of it included. With `planId`,
 * only if that is still the plan. Throws `PLAN_CHANGED`, `AGENT_NOT_FOUND`, `PENDING`.
 */
export function apply(request: ChangeRequest, planId?: string): Promise<Outcome<Applied>> {
  return change(
    request,
    async (session) => {
      const plan = planAll(session)
      if (planId !== undefined && planId !== plan.id) throw planChanged(plan, planId)
      const manifest = session.draft.read(MANIFEST, MANIFEST_LIMIT)
      if (manifest !== undefined) session.draft.write(MANIFEST, manifest)
      const exposed = await applyPlan(session, plan)
      return { result: { plan, exposed }, message: `apply ${summary(plan)}` }
    },
    MANIFEST,
  )
}

/** Every difference between the manifest in the draft and the sealed state. */
function planAll(session: Session): Plan {
  return makePlan(readManifest(session), readSealedState(session.vault, "read"), session.now)
}

/** {@link planAll} less the secrets that are sealed to an earlier key, which costs far less. */
export function planAccess(session: Session): Plan {
  return makePlan(readManifest(session), readSealedState(session.vault, "counted"), session.now)
}

/**
 * The plan of an operation that edits the manifest for `groups`: other differences must not be
 * pending, or they would be applied unseen. Grants that ran out elsewhere can wait.
 * Throws `PENDING`.
 */
export function planEdit(session: Session, edit: () => void, groups?: readonly string[]): Plan {
  const pending = planAccess(session).groups.filter((group) => !isExpiryOnly(group))
  if (pending.length > 0) throw pendingError(pending)
  edit()
  const plan = planAccess(session)
  if (groups === undefined) return plan
  return { ...plan, groups: plan.groups.filter(({ group }) => groups.includes(group)) }
}

/** Executes a plan in the draft. */
export async function applyPlan(session: Session, plan: Plan): Promise<readonly ExposedSecret[]> {
  for (const group of plan.groups) refuseImpossible(session, group)
  const exposed: ExposedSecret[] = []
  for (const group of plan.groups) exposed.push(...(await applyGroup(session, group)))
  dropEndedGrants(session, plan)
  return exposed
}

/** A line that says what a plan does, for the commit: `ci -> stripe, deploy -/-> stripe`. */
export function summary(plan: Plan): string {
  const parts = plan.groups.flatMap(({ group, is, gains, losses, retimed, stale }) => [
    ...(is === "new" ? [`new group ${group}`] : []),
    ...(is === "gone" ? [`group ${group} is gone`] : []),
    ...gains.map(({ agent }) => `${agent} -> ${group}`),
    ...losses.map(({ agent, why }) => `${agent} -/-> ${group} (${why})`),
    ...retimed.map(({ agent, until }) => `${agent} -> ${group} until ${until ?? "revoked"}`),
    ...(stale.length === 0 ? [] : [`${stale.length} re-encrypted in ${group}`]),
  ])
  const shown = parts.slice(0, 5).join(", ")
  return parts.length > 5 ? `${shown} and ${parts.length - 5} more` : shown || "the manifest"
}

/** Refuses to go on while somebody's edit of the manifest waits to be applied. */
export function pendingError(pending: readonly GroupPlan[]): VaultError {
  const what = summary({ id: "", groups: pending })
  return new VaultError(
    "PENDING",
    `the manifest asks for changes that are not applied yet: ${what}`,
    {
      hint: "look at them and apply them first: agent-vault apply",
    },
  )
}

async function applyGroup(session: Session, plan: GroupPlan): Promise<readonly ExposedSecret[]> {
  if (plan.is === "new") return createGroup(session, plan)
  if (plan.is === "gone") return removeGroup(session, plan)
  const record = getGroup(session.vault, plan.group)
  refuseSealingToOlder(session.vault, record)
  if (needsRekey(plan)) {
    const at = utc(session.now)
    const losses = plan.losses.map(({ agent, why }) => ({ agent, at, why }))
    return rekeyGroup(session, plan.group, record, plan.members, losses)
  }
  if (plan.gains.length + plan.retimed.length > 0) await resealGroup(session, plan, record)
  if (plan.stale.length === 0) return []
  return resealStale(session, plan.group, record, plan.stale)
}

async function createGroup(session: Session, plan: GroupPlan): Promise<readonly ExposedSecret[]> {
  const { vault, draft } = session
  const path = groupRecordPath(plan.group)
  const before = await precedent(session, path)
  const identity = await generateIdentity(vault.record.keys)
  const key = await sealGroupKey(identity, plan.members, vault.owners)
  draft.write(groupKeyPath(plan.group), key)
  putRecord<GroupRecord>(session, {
    kind: "group",
    vault: vault.id,
    path,
    serial: before.serial + 1,
    epoch: before.epoch + 1,
    recipient: await recipientOf(identity),
    members: plan.members,
    revoked: [],
    digest: digestOf(key),
  })
  return []
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
  })
}

/** A grant that ran out is rekeyed away, and its line goes with it. */
function dropEndedGrants(session: Session, plan: Plan): void {
  const now = utc(session.now)
  const planned = new Set(plan.groups.map(({ group }) => group))
  const ended = readManifest(session).grants.filter(
    ({ group, until }) => planned.has(group) && until !== undefined && until <= now,
  )
  editDraftManifest(
    session,
    ended.map(({ agent, group }) => ({ do: "drop-grant", agent, group })),
  )
}

function refuseImpossible(session: Session, plan: GroupPlan): void {
  const [unknown] = plan.unknown
  if (unknown !== undefined) {
    throw notFound("AGENT_NOT_FOUND", "agent", unknown, listAgents(session.vault))
  }
  if (plan.is === "gone" && plan.secrets > 0) {
    throw new VaultError(
      "PENDING",
      `the manifest no longer lists ${plan.group}, which still holds secrets (${plan.secrets})`,
      {
        hint: `put "${plan.group}: {}" back under groups, or remove its secrets first: git rm -r .agent-vault/secrets/${plan.group}, and commit`,
      },
    )
  }
  for (const { agent } of plan.members) refuseOldAgent(session, agent)
}

function refuseOldAgent(session: Session, agent: string): void {
  const record = findAgentRecord(session.vault, agent)
  if (record !== undefined) refuseSealingToOlder(session.vault, record)
}

function planChanged(plan: Plan, asked: string): VaultError {
  return new VaultError(
    "PLAN_CHANGED",
    `the plan is ${plan.id} now, not ${asked}: the vault changed`,
    {
      hint: "look at it again: agent-vault apply --dry-run",
    },
  )
}
