import type { Key } from "../keys/key-files.js"
import type { GroupRecord, OwnerEntry } from "../records/record.js"
import { VaultError } from "../words/errors.js"
import { hasPassed, utc } from "../words/time.js"

/** Who acts. The key and the signed records decide it. */
export interface Actor {
  readonly role: "agent" | "owner"
  readonly name: string
}

/** The verified owners of a vault who have not ended. */
export interface Governed {
  readonly owners: readonly OwnerEntry[]
}

/** Who a key is in this vault; undefined for a stranger. Members are looked up in one group. */
export function actorOf(vault: Governed, group: GroupRecord, recipient: string): Actor | undefined {
  const owner = vault.owners.find((entry) => entry.recipient === recipient)
  if (owner !== undefined) return { role: "owner", name: owner.name }
  const member = group.members.find((entry) => entry.recipient === recipient)
  return member === undefined ? undefined : { role: "agent", name: member.agent }
}

/** Whether a key may open a group now, by the group's signed record. */
export function mayOpen(
  vault: Governed,
  group: GroupRecord,
  recipient: string,
  now: Date,
): boolean {
  const actor = actorOf(vault, group, recipient)
  if (actor === undefined) return false
  return actor.role === "owner" || !hasPassed(endOf(group, recipient), utc(now))
}

/**
 * Who reads, if the signed record of the group `name` lets them now.
 * Throws `NOT_GRANTED`, `GRANT_ENDED`.
 */
export function admit(
  vault: Governed,
  name: string,
  group: GroupRecord,
  key: Key,
  now: Date,
): Actor {
  const actor = actorOf(vault, group, key.recipient)
  const who = actor?.name ?? key.agent
  const ask =
    key.owner === undefined
      ? `ask an owner: agent-vault grant ${who ?? "AGENT"} ${name}`
      : "who the owners are: agent-vault owner list; how a key becomes one's: agent-vault join NAME --owner"
  if (actor === undefined && group.members.some(({ agent }) => agent === key.agent)) {
    throw new VaultError("NOT_GRANTED", `this key of ${key.agent ?? ""} is not its present one`, {
      hint: `${key.agent ?? "the agent"} was given a new key since: use that; whether an owner can recover it: agent-vault agent show ${key.agent ?? "AGENT"}`,
    })
  }
  if (actor === undefined) {
    const stranger = key.owner === undefined ? (who ?? "this key") : `${key.owner} (no owner here)`
    const before = group.revoked.find(({ agent }) => agent === who)
    const revoked = before === undefined ? "" : ` (revoked on ${before.at})`
    throw new VaultError("NOT_GRANTED", `${stranger} may not open ${name}${revoked}`, { hint: ask })
  }
  const until = endOf(group, key.recipient)
  if (actor.role === "owner" || !hasPassed(until, utc(now))) return actor
  throw new VaultError("GRANT_ENDED", `the grant of ${name} to ${actor.name} ended at ${until}`, {
    hint: ask,
  })
}

/** The end of the grant that a key has in a group, if it has one. */
function endOf(group: GroupRecord, recipient: string): string | undefined {
  return group.members.find((member) => member.recipient === recipient)?.until
}
