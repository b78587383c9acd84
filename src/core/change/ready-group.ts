import { hasPassed, utc } from "../words/time.js"
import { nearest } from "../words/names.js"
import type { GroupRecord } from "../records/record.js"
import { type Plan, isExpiryOnly } from "../vault/plan.js"
import { refuseKnownKey } from "../vault/sealed-state.js"
import { getGroup, listGroups, refuseSealingToOlder } from "../vault/vault.js"
import { pendingError, planAccess, planEdit } from "./draft-plan.js"
import { executePlan } from "./execute-plan.js"
import type { ExposedSecret } from "./rekey.js"
import { type Session, editDraftManifest } from "./session.js"

/** A group that something may be sealed to now. */
export interface ReadyGroup {
  readonly record: GroupRecord
  /** It was made for this. */
  readonly isNew: boolean
  /** A group of almost the same name, where a new one was made. */
  readonly similar: string | undefined
  /** Values exposed because grants of the group had run out. */
  readonly exposed: readonly ExposedSecret[]
}

/**
 * Brings a group into being, or rid of grants that ran out, before anything is sealed to it. Throws
 * `PENDING`, and what {@link refuseSealingToOlder} throws.
 */
export async function readyGroup(session: Session, group: string): Promise<ReadyGroup> {
  const groups = listGroups(session.vault)
  const isNew = !groups.includes(group)
  const plan = isNew
    ? planEdit(session, () => editDraftManifest(session, [{ do: "add-group", group }]), [group])
    : expiries(session, group)
  const exposed = await executePlan(session, plan)
  const similar = isNew ? nearest(group, groups) : undefined
  const record = getGroup(session.vault, group)
  refuseSealingToOlder(session.vault, record)
  for (const { agent } of record.members) refuseKnownKey(session.vault, agent)
  return { record, isNew, similar, exposed }
}

/**
 * The plan that ends the grants of a group that ran out. A pending grant does not stop who seals
 * something; a pending loss does, since a value would still be sealed to someone whom the manifest
 * has taken out, or to an owner who was removed. So does a later end that the manifest gives to a
 * grant that has ended: anybody may have written it there. Throws `PENDING`.
 */
export function expiries(session: Session, group: string): Plan {
  const plan = planAccess(session)
  const own = plan.groups.filter((entry) => entry.group === group)
  const now = utc(session.now)
  const loss = own.find(
    (entry) =>
      !isExpiryOnly(entry) &&
      (entry.losses.length > 0 ||
        entry.is === "gone" ||
        entry.formerOwners !== undefined ||
        entry.retimed.some(({ from }) => hasPassed(from, now))),
  )
  if (loss !== undefined) throw pendingError([loss])
  return { ...plan, groups: own.filter(isExpiryOnly) }
}
