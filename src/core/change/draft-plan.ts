import { VaultError } from "../words/errors.js"
import type { Manifest } from "../records/manifest.js"
import {
  type GroupPlan,
  type Plan,
  type SealedState,
  isExpiryOnly,
  isForFormerOwnersOnly,
  isForOwnersOnly,
  makePlan,
} from "../vault/plan.js"
import { readSealedState, refuseFormerOwners, withKept } from "../vault/sealed-state.js"
import { findGroup } from "../vault/vault.js"
import { type Session, readManifest } from "./session.js"

/** Every difference between the manifest in the draft and the sealed state. */
export function planAll(session: Session): Plan {
  return planSealed(session, readManifest(session))
}

/** Every difference between a manifest and the sealed state in the draft. */
export function planSealed(session: Session, manifest: Manifest): Plan {
  return withKept(session.vault, makePlan(manifest, sealedState(session, "read"), session.now))
}

/** {@link planAll} less the secrets that are sealed to an earlier key, which costs far less. */
export function planAccess(session: Session): Plan {
  return makePlan(readManifest(session), sealedState(session, "counted"), session.now)
}

function sealedState({ vault }: Session, secrets: "counted" | "read"): SealedState {
  const state = readSealedState(vault, secrets)
  refuseFormerOwners(vault, state)
  return state
}

/**
 * The plan of an operation that edits the manifest for `groups`: other differences must not be
 * pending, or they would be applied unseen. Grants that ran out elsewhere can wait, and so can what
 * an owner cannot open yet: the owner who acts may be that one. Where an agent is `rekeyed`, only what
 * {@link holdsUpRekey} must not be pending. Throws `PENDING`.
 */
export function planEdit(
  session: Session,
  edit: () => void,
  groups?: readonly string[],
  rekeyed?: string,
): Plan {
  const isOurs = ({ group }: GroupPlan): boolean => groups?.includes(group) ?? true
  const pending = planAccess(session).groups.filter((group) =>
    rekeyed === undefined
      ? !isExpiryOnly(group) && !isForOwnersOnly(group)
      : holdsUpRekey(session, group, rekeyed),
  )
  if (pending.length > 0) throw pendingError(pending)
  edit()
  const { escrows: _escrows, ...plan } = planAccess(session)
  return withKept(session.vault, { ...plan, groups: plan.groups.filter(isOurs) })
}

/**
 * Whether an agent gets no new key before what is pending in a group is applied. It does not wait for
 * groups that it does not open, for another key of its own, nor for the end of a grant or of an owner:
 * they are signed already, and the new key of the group that comes of a rekey brings them about.
 */
export function holdsUpRekey(session: Session, plan: GroupPlan, agent: string): boolean {
  const members = findGroup(session.vault, plan.group)?.members ?? []
  return (
    members.some((member) => member.agent === agent) &&
    !isExpiryOnly(plan) &&
    !isForOwnersOnly(plan) &&
    !isForFormerOwnersOnly(plan) &&
    !isKeyAlone(session, plan, agent)
  )
}

/** Whether all that is pending in a group is that an agent's record has another key than the group. */
export function isKeyAlone({ vault }: Session, plan: GroupPlan, agent: string): boolean {
  const { group, gains, losses, retimed, unknown, formerOwners } = plan
  const until = findGroup(vault, group)?.members.find((member) => member.agent === agent)?.until
  const [[gain], [loss]] = [gains, losses]
  return (
    gains.length * losses.length === 1 &&
    retimed.length + unknown.length === 0 &&
    formerOwners === undefined &&
    gain?.agent === agent &&
    gain.until === until &&
    loss?.agent === agent &&
    loss.why === "rekeyed"
  )
}

/** A line that says what a plan does, for the commit: `ci -> stripe, deploy -/-> stripe`. */
export function summary(plan: Plan): string {
  const { escrows = [], policy } = plan
  const ofGroups = plan.groups.flatMap(({ group, is, gains, losses, retimed, ...rest }) => [
    ...(is === "new" ? [`new group ${group}`] : []),
    ...(is === "gone" ? [`group ${group} is gone`] : []),
    ...gains.map(({ agent }) => `${agent} -> ${group}`),
    ...losses.map(({ agent, why }) => `${agent} -/-> ${group} (${why})`),
    ...retimed.map(({ agent, until }) => `${agent} -> ${group} until ${until ?? "revoked"}`),
    ...(rest.stale.length === 0 ? [] : [`${rest.stale.length} re-encrypted in ${group}`]),
    ...(rest.formerOwners ?? []).map(({ name }) => `the owner ${name} -/-> ${group} (removed)`),
    ...(rest.lacksOwner === true ? [`${group} to every owner`] : []),
  ])
  const parts = [
    ...ofGroups,
    ...escrows.map((agent) => `the escrow of ${agent} to every owner`),
    ...(policy === undefined ? [] : ["the policy"]),
  ]
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
