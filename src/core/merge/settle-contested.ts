import { planSealed } from "../change/draft-plan.js"
import type { Draft } from "../change/draft.js"
import { executePlan } from "../change/execute-plan.js"
import { asOpener } from "../change/seal-to-owners.js"
import type { ExposedSecret } from "../change/rekey.js"
import {
  type Session,
  type SessionRequest,
  dropGrants,
  editDraftManifest,
  putRecord,
  readManifest,
  requireOwner,
} from "../change/session.js"
import type { Git } from "../git/git.js"
import { memoryOf, noMemory } from "../memory/memory.js"
import type { Place } from "../disk/place.js"
import { gitPath } from "../disk/place.js"
import type { Grant, Manifest } from "../records/manifest.js"
import {
  type AgentRecord,
  type GroupRecord,
  type Member,
  type SecretRecord,
  digestOf,
  unsigned,
} from "../records/record.js"
import { signingKey } from "../records/signature.js"
import { sealPastKeys } from "../vault/group-key.js"
import { isForOwnersOnly } from "../vault/plan.js"
import { whoKnows } from "../vault/sealed-state.js"
import { sealToOwners } from "./seal-to-owners-met.js"
import {
  findAgentRecord,
  findGroup,
  listAgents,
  listGroups,
  listSecrets,
  verifyVault,
} from "../vault/vault.js"
import { MANIFEST, classify, groupPastPath, groupRecordPath } from "../words/layout.js"
import { pathsOf } from "../words/unit.js"
import {
  mergedGroup,
  outdatedGroups,
  readersOf,
  takenOut,
  unitedPast,
  winnerOf,
} from "./merge-group.js"
import { mayBeReplaced } from "./given-keys.js"
import { draftOf, mergedManifest } from "./keyless.js"
import {
  type Choices,
  type VaultMerge,
  agentChoice,
  groupSides,
  mergedSecret,
} from "./merge-vault.js"
import { changedUnits, groupOf } from "./units.js"

/** A merge with nothing left to settle, but what somebody has to choose. */
export interface SettledMerge {
  /** Over what was merged without a key. */
  readonly draft: Draft
  /** Values that agents could read who may not read them now. */
  readonly exposed: readonly ExposedSecret[]
}

/**
 * Settles what both sides changed, as an owner: every record that differs is signed anew, further
 * than both, so no clone takes it for a set-back. Nobody opens a group afterwards who did not open
 * it on one side, or whom one side took out. What was sealed to a key that lost is sealed anew.
 */
export async function settle(
  git: Git,
  place: Place,
  request: SessionRequest,
  merge: VaultMerge,
  choices: Choices,
): Promise<SettledMerge> {
  const session = openMerged(git, place, request, merge)
  for (const unit of merge.units.contested) await settleUnit(session, merge, unit, choices)
  keepGroupsInUse(session, merge)
  dropTaken(session, takenFromGroups(merge))
  const allowed = allowedManifest(session, merge)
  countReaders(session, merge, allowed)
  const plan = planSealed(session, allowed)
  const touched = touchedGroups(session, merge)
  const groups = plan.groups.filter(
    (group) => group.is === "changed" && touched.has(group.group) && !isForOwnersOnly(group),
  )
  const exposed = await executePlan(session, { id: plan.id, groups })
  await sealToOwners(session, plan, touched)
  return { draft: session.draft, exposed }
}

/** A session over what was merged without a key. Marks of the branch are for whoever reads it. */
function openMerged(
  git: Git,
  place: Place,
  { identity, env, now, onProgress }: SessionRequest,
  merge: VaultMerge,
): Session {
  const draft = draftOf(merge)
  const { userMarks, verifiedRecords } = memoryOf(merge.ours.id, place, env)
  const vault = verifyVault(draft, { ...noMemory(), userMarks, verifiedRecords })
  return {
    vault,
    draft,
    owner: requireOwner(vault, identity),
    key: signingKey(identity.identity),
    identity: identity.identity,
    git,
    folder: gitPath(git.checkout, place.root),
    env,
    now,
    onProgress: onProgress ?? (() => {}),
    // Nobody gains what an owner has not signed on one side.
    requirePerson: () => {},
  }
}

async function settleUnit(
  session: Session,
  merge: VaultMerge,
  unit: string,
  choices: Choices,
): Promise<void> {
  const file = classify(unit)
  if (file.is === "agent") settleAgent(session, merge, unit, file.agent, choices)
  if (file.is === "group") await settleGroup(session, merge, unit, file.group)
  if (file.is === "secret") settleSecret(session, merge, unit, choices)
  if (file.is === "manifest") {
    session.draft.write(MANIFEST, await mergedManifest(session.git, merge))
  }
}

function settleAgent(
  session: Session,
  merge: VaultMerge,
  unit: string,
  agent: string,
  choices: Choices,
): void {
  const side = agentChoice(merge, agent, choices)
  if (side === "choice") return
  const [chosen, other] = [merge[side], merge[side === "ours" ? "theirs" : "ours"]]
  const record = findAgentRecord(chosen, agent)
  if (record === undefined) return
  takeUnit(session, merge, unit, side)
  const serial = Math.max(record.serial, findAgentRecord(other, agent)?.serial ?? 0) + 1
  putRecord<AgentRecord>(session, { ...unsigned(record), serial })
}

async function settleGroup(
  session: Session,
  merge: VaultMerge,
  unit: string,
  group: string,
): Promise<void> {
  const sides = groupSides(merge, group)
  // One side removed it while the other one changed it: it stays.
  if (sides === undefined) {
    return takeUnit(session, merge, unit, findGroup(merge.ours, group) ? "ours" : "theirs")
  }
  const winner = winnerOf(sides)
  const loser = winner === "ours" ? "theirs" : "ours"
  takeUnit(session, merge, unit, winner)
  const past = await asOpener(session, () =>
    unitedPast(
      group,
      { vault: merge[winner], record: sides[winner] },
      { vault: merge[loser], record: sides[loser] },
      session.identity,
    ),
  )
  const record = mergedGroup(sides)
  if (past === undefined) return void putRecord<GroupRecord>(session, record)
  const sealed = await sealPastKeys(past, session.vault.owners)
  session.draft.write(groupPastPath(group), sealed)
  putRecord<GroupRecord>(session, { ...record, past: digestOf(sealed) })
}

function settleSecret(session: Session, merge: VaultMerge, unit: string, choices: Choices): void {
  const merged = mergedSecret(merge, unit, choices)
  if (merged?.is === "removed") for (const path of pathsOf(unit)) session.draft.remove(path)
  if (merged?.is !== "merged") return
  takeUnit(session, merge, unit, merged.from)
  putRecord<SecretRecord>(session, merged.record)
}

/** Puts a unit into the draft as one side has it. */
function takeUnit(
  { draft }: Session,
  { sides, snapshot }: VaultMerge,
  unit: string,
  side: "ours" | "theirs",
): void {
  const files = snapshot(sides[side])
  for (const path of pathsOf(unit)) {
    const bytes = files.read(path)
    if (bytes === undefined) draft.remove(path)
    else draft.write(path, bytes)
  }
}

/** A group that one side removed stays while secrets of the other side are in it. */
function keepGroupsInUse(session: Session, merge: VaultMerge): void {
  const groups = new Set(listSecrets(session.vault).map(({ group }) => group))
  for (const group of groups) {
    if (findGroup(session.vault, group) === undefined) {
      const side = findGroup(merge.ours, group) === undefined ? "theirs" : "ours"
      takeUnit(session, merge, groupRecordPath(group), side)
    }
    editDraftManifest(session, [{ do: "add-group", group }])
  }
}

/** Of all groups: anybody can write the line back that the owner of one side took out. */
function takenFromGroups(merge: VaultMerge): readonly Omit<Grant, "until">[] {
  return listGroups(merge.ours).flatMap((group) => {
    const sides = groupSides(merge, group)
    return sides === undefined ? [] : takenOut(sides).map((agent) => ({ agent, group }))
  })
}

/** Takes out the lines of what one side took away, and of agents that have ended. */
function dropTaken(session: Session, taken: readonly Omit<Grant, "until">[]): void {
  const ended = new Set(
    listAgents(session.vault).filter(
      (agent) => findAgentRecord(session.vault, agent)?.ended !== undefined,
    ),
  )
  const isTaken = (grant: Grant): boolean =>
    taken.some(({ agent, group }) => agent === grant.agent && group === grant.group)
  dropGrants(session, (grant) => ended.has(grant.agent) || isTaken(grant))
}

/**
 * The manifest, less whatever no owner has signed on either side, what agents have whose key a
 * removed owner knows, and a group whose key of an agent is not here: that stays pending.
 */
function allowedManifest(session: Session, merge: VaultMerge): Manifest {
  const manifest = readManifest(session)
  const grants = manifest.grants.flatMap((grant): Grant[] => {
    const signed = [merge.ours, merge.theirs].flatMap((vault) =>
      (findGroup(vault, grant.group)?.members ?? []).filter(({ agent }) => agent === grant.agent),
    )
    if (signed.length === 0 || mayBeReplaced(session.vault, merge, grant)) return []
    if (whoKnows(session.vault, grant.agent) !== undefined) return []
    const { until: _until, ...line } = grant
    const until = earlier(grant.until, latestEnd(signed))
    return [{ ...line, ...(until === undefined ? {} : { until }) }]
  })
  return { ...manifest, grants }
}

/**
 * Both sides may have one key of a group, and have sealed it to others. Who could open it on either,
 * and may not now, counts as a member that goes: so the group gets a key that they never had.
 */
function countReaders(session: Session, merge: VaultMerge, { grants }: Manifest): void {
  const isAllowed = (group: string, { agent, recipient }: Member): boolean =>
    findAgentRecord(session.vault, agent)?.recipient === recipient &&
    grants.some((grant) => grant.agent === agent && grant.group === group)
  for (const group of listGroups(merge.ours)) {
    const [sides, record] = [groupSides(merge, group), findGroup(session.vault, group)]
    if (sides === undefined || record === undefined) continue
    const gone = readersOf(sides, record).filter((member) => !isAllowed(group, member))
    if (gone.length === 0) continue
    putRecord<GroupRecord>(session, { ...unsigned(record), members: [...record.members, ...gone] })
  }
}

/** Undefined: without an end. */
function latestEnd(members: readonly Member[]): string | undefined {
  const ends = members.flatMap(({ until }) => until ?? [])
  return ends.length < members.length ? undefined : ends.sort().at(-1)
}

function earlier(one: string | undefined, other: string | undefined): string | undefined {
  return [one, other].filter((end) => end !== undefined).sort()[0]
}

/** The groups that either side changed, or that an agent opens whose key changed. */
function touchedGroups({ vault }: Session, { sides }: VaultMerge): ReadonlySet<string> {
  const changed = [
    ...changedUnits(sides.base, sides.ours),
    ...changedUnits(sides.base, sides.theirs),
  ]
  const outdated = outdatedGroups(vault, vault)
  return new Set([...changed.map(groupOf).filter((group) => group !== undefined), ...outdated])
}
