import { classify } from "../words/layout.js"
import type { GroupRecord, Member } from "./record.js"

/** That an agent lost a group, and when. */
export interface Revoke {
  readonly agent: string
  readonly at: string
}

/** The revokes that stand in a record. Of an agent who is a member, it was the old key that lost. */
export function revokesIn({
  revoked,
  members,
}: Pick<GroupRecord, "revoked" | "members">): Revoke[] {
  const stay = new Set(members.map(({ agent }) => agent))
  return revoked.filter(({ agent }) => !stay.has(agent)).map(({ agent, at }) => ({ agent, at }))
}

/**
 * The revokes that a record undoes: it has the agent as a member since before. Whom an owner grants a
 * group again is a member since then, and never since before the revoke. So such a record comes from
 * a branch that does not know of the revoke, however far it came there.
 */
export function undoneBy(members: readonly Member[], revokes: readonly Revoke[]): Revoke[] {
  const since = new Map(members.map((member) => [member.agent, member.since]))
  return revokes.filter(({ agent, at }) => (since.get(agent) ?? at) < at)
}

/** Who opens a group and who lost it, as a record says that nobody verified; undefined for none. */
export function accessIn(
  bytes: Uint8Array | undefined,
): Pick<GroupRecord, "members" | "revoked"> | undefined {
  try {
    const { members, revoked } = JSON.parse(
      Buffer.from(bytes ?? []).toString("utf8"),
    ) as Partial<GroupRecord>
    return Array.isArray(members) && Array.isArray(revoked) ? { members, revoked } : undefined
  } catch {
    return undefined
  }
}

/** What is wrong with a record that undoes a revoke. */
export function undoneText({ agent, at }: Revoke): string {
  return `lets ${agent} in again by an earlier grant, though an owner revoked that on ${at}`
}

/** The command that makes an undone revoke good. `path` is the group's. */
export function revokeAgain(path: string, { agent }: Revoke): string {
  const file = classify(path)
  return `agent-vault revoke ${agent} ${file.is === "group" ? file.group : ""}`
}
