import { parseGroupName, parseNote } from "../words/names.js"
import { VaultError } from "../words/errors.js"
import { utc } from "../words/time.js"
import type { Plan } from "../vault/plan.js"
import { findGroup, getGroup, listSecrets, refuseSealingToOlder } from "../vault/vault.js"
import { type ChangeRequest, type Outcome, change } from "./change.js"
import { planEdit } from "./draft-plan.js"
import { executePlan } from "./execute-plan.js"
import { refuseGroupCollision } from "./free-name.js"
import { type GroupReader, readersOfGroup } from "../vault/group-readers.js"
import { expiries } from "./ready-group.js"
import { type ExposedSecret, rekeyGroup } from "./rekey.js"
import { type RemovedSecret, removeSecret } from "./remove-secrets.js"
import { type Session, dropGrants, editDraftManifest } from "./session.js"

/** A group that was made. */
export interface AddedGroup {
  readonly group: string
  readonly plan: Plan
}

/** A group that was removed, with its grants and its keys. */
export interface RemovedGroup {
  readonly group: string
  readonly plan: Plan
  /** The secrets that it had. */
  readonly removed: readonly RemovedSecret[]
}

/** A group with a new key. */
export interface RekeyedGroup {
  readonly group: string
  /** How often it was rekeyed, from 1. */
  readonly epoch: number
  /** Who opens it now, as before. */
  readonly readers: readonly GroupReader[]
  /** All its secrets: whoever had the earlier key could read them. */
  readonly secrets: readonly string[]
  readonly exposed: readonly ExposedSecret[]
}

interface AddGroupRequest extends ChangeRequest {
  readonly group: string
  /** A line for people; it stands in the manifest. */
  readonly description?: string | undefined
}

interface RemoveGroupRequest extends ChangeRequest {
  readonly group: string
  /** Removes its secrets too; without this a group that has any is refused. */
  readonly withSecrets: boolean
}

/** Makes a group without secrets. Throws `EXISTS`, `NAME_INVALID`, `PENDING`. */
export function addGroup(request: AddGroupRequest): Promise<Outcome<AddedGroup>> {
  const group = parseGroupName(request.group)
  const { description } = request
  if (description !== undefined) parseNote(description)
  return change(request, async (session) => {
    refuseTaken(session, group)
    const edit = { do: "add-group", group, description } as const
    const plan = planEdit(session, () => editDraftManifest(session, [edit]), [group])
    await executePlan(session, plan)
    return { result: { group, plan }, message: `group add ${group}` }
  })
}

/**
 * Removes a group, its grants and its keys. What was sealed to it stays in Git's history. Throws
 * `GROUP_NOT_FOUND`, `PENDING`, and `USAGE` for one that has secrets, unless they go with it.
 */
export function removeGroup(request: RemoveGroupRequest): Promise<Outcome<RemovedGroup>> {
  const group = parseGroupName(request.group)
  return change(request, async (session) => {
    getGroup(session.vault, group)
    const names = listSecrets(session.vault, group)
    if (names.length > 0 && !request.withSecrets) throw holdsSecrets(group, names.length)
    const removed = names.map((name) => removeSecret(session, name))
    const plan = planEdit(session, () => dropGroup(session, group), [group])
    await executePlan(session, plan)
    return { result: { group, plan, removed }, message: `group remove ${group}` }
  })
}

/**
 * Gives a group a new key, for one whose key somebody may know. The same agents open it. Its secrets
 * are sealed anew, and exposed to the earlier key of each. Throws `GROUP_NOT_FOUND`, `PENDING`.
 */
export function renewGroupKey(
  request: ChangeRequest & { readonly group: string },
): Promise<Outcome<RekeyedGroup>> {
  const group = parseGroupName(request.group)
  return change(request, async (session) => {
    getGroup(session.vault, group)
    await executePlan(session, expiries(session, group))
    const record = getGroup(session.vault, group)
    refuseSealingToOlder(session.vault, record)
    const names = listSecrets(session.vault, group)
    const at = utc(session.now)
    const could = record.members.map(({ agent }) => ({ agent, at, why: "rekeyed" as const }))
    const keys = { members: record.members, losses: [], exposures: could }
    const exposed = await rekeyGroup(session, group, record, names, keys)
    const result = {
      group,
      epoch: record.epoch + 1,
      readers: readersOfGroup(record),
      secrets: names.map(({ full }) => full),
      exposed,
    }
    return { result, message: `group rekey ${group}` }
  })
}

function refuseTaken(session: Session, group: string): void {
  refuseGroupCollision(session, group)
  if (findGroup(session.vault, group) === undefined) return
  throw new VaultError("EXISTS", `there is a group ${group} already`, {
    hint: `see it: agent-vault group list; put a secret into it: agent-vault set ${group}/NAME`,
  })
}

/** Takes a group and its grants out of the manifest in the draft. */
export function dropGroup(session: Session, group: string): void {
  dropGrants(session, (grant) => grant.group === group)
  editDraftManifest(session, [{ do: "drop-group", group }])
}

function holdsSecrets(group: string, count: number): VaultError {
  const what = count === 1 ? "a secret" : `${count} secrets`
  return new VaultError("USAGE", `${group} still holds ${what}`, {
    hint: `move them (agent-vault mv ${group}/NAME GROUP/NAME), or let them go with it: --with-secrets (in the SDK: withSecrets)`,
  })
}
