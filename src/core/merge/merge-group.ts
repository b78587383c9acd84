import { recipientOf } from "../age/age.js"
import { compareReach, reachOf } from "../records/reach.js"
import {
  type GroupRecord,
  type Member,
  type RevokedOwner,
  type Unsigned,
  digestOf,
  unsigned,
} from "../records/record.js"
import { openGroupKey, openPastKeys } from "../vault/group-key.js"
import { type Vault, findAgentRecord, findGroup, listGroups } from "../vault/vault.js"
import { laterOf } from "../words/time.js"
import type { Side } from "./units.js"

/** A group as the two sides have it. */
export interface GroupSides {
  readonly base: GroupRecord | undefined
  readonly ours: GroupRecord
  readonly theirs: GroupRecord
}

/** Whose key a group goes on with: the higher epoch's, else the one that came further, else ours. */
export function winnerOf({ ours, theirs }: GroupSides): Side {
  return compareReach(reachOf(theirs), reachOf(ours)) > 0 ? "theirs" : "ours"
}

/**
 * The record of the winner, further than both. It knows whom the other side took out, so that what
 * was sealed to an earlier key is exposed to them; not whom the winner granted the group again.
 */
export function mergedGroup(sides: GroupSides): Unsigned<GroupRecord> {
  const { ours, theirs } = sides
  const regained = regainedBy(sides)
  const revoked = new Map<string, GroupRecord["revoked"][number]>()
  for (const entry of [...ours.revoked, ...theirs.revoked]) {
    if (regained.has(entry.agent)) continue
    const before = revoked.get(entry.agent)
    const last = before === undefined || before.epoch < entry.epoch ? entry : before
    revoked.set(entry.agent, { ...last, at: laterOf(entry.at, before?.at) })
  }
  const winner = sides[winnerOf(sides)]
  const since = sinceOf(sides)
  const revokedOwners = revokedOnEither(sides)
  return {
    ...unsigned(winner),
    members: winner.members.map((member) => ({
      ...member,
      since: laterOf(member.since, since.get(member.agent)),
    })),
    serial: Math.max(ours.serial, theirs.serial) + 1,
    revoked: [...revoked.values()].sort((a, b) => (a.agent < b.agent ? -1 : 1)),
    ...(revokedOwners.length === 0 ? {} : { revokedOwners }),
  }
}

/** The owners whom one side or the other took out, each with the last epoch that it could open. */
function revokedOnEither({ ours, theirs }: GroupSides): readonly RevokedOwner[] {
  const last = new Map<string, RevokedOwner>()
  for (const entry of [...(ours.revokedOwners ?? []), ...(theirs.revokedOwners ?? [])]) {
    const before = last.get(entry.owner)
    if (before === undefined || before.epoch < entry.epoch) last.set(entry.owner, entry)
  }
  return [...last.values()].sort((a, b) => (a.owner < b.owner ? -1 : 1))
}

/**
 * The members of the winner that the other side only has as revoked: long ago, or they would be taken
 * out. Of whom both sides have as a member, a revoke is that of an older key, and stays.
 */
function regainedBy(sides: GroupSides): ReadonlySet<string> {
  const winner = sides[winnerOf(sides)]
  const loser = winner === sides.ours ? sides.theirs : sides.ours
  const revoked = winner.revoked.map(({ agent }) => agent)
  const others = new Set([...revoked, ...agentsOf(loser), ...takenOut(sides)])
  return new Set(agentsOf(winner).filter((agent) => !others.has(agent)))
}

/** Whom one side revoked and granted again is a member since then: else the revoke would seem undone. */
function sinceOf({ ours, theirs }: GroupSides): ReadonlyMap<string, string> {
  const since = new Map<string, string>()
  for (const member of [...ours.members, ...theirs.members]) {
    since.set(member.agent, laterOf(member.since, since.get(member.agent)))
  }
  return since
}

/**
 * The agents that one side or the other took out of a group: those that had it before, and those that
 * one side granted it while the other one revoked it.
 */
export function takenOut(sides: GroupSides): readonly string[] {
  const { base, ours, theirs } = sides
  const [here, there] = [agentsOf(ours), agentsOf(theirs)]
  const before = base === undefined ? [] : agentsOf(base)
  const lost = before.filter((agent) => !here.includes(agent) || !there.includes(agent))
  const revoked = [...revokedElsewhere(ours, theirs, base), ...revokedElsewhere(theirs, ours, base)]
  return [...new Set([...lost, ...revoked])]
}

/**
 * The members of a record that the other one revoked since the base, or at the record's epoch or later.
 * The base alone need not tell: whoever can push can bring a record of before a revoke in a commit that
 * follows it. The revoke names the last epoch that the agent had.
 */
function revokedElsewhere(
  record: GroupRecord,
  { revoked, members }: GroupRecord,
  base: GroupRecord | undefined,
): string[] {
  const known = new Map(base?.revoked.map(({ agent, epoch }) => [agent, epoch]))
  const isNew = ({ agent, epoch }: GroupRecord["revoked"][number]): boolean =>
    epoch >= record.epoch || epoch !== known.get(agent)
  return agentsOf(record).filter(
    (agent) =>
      members.every((member) => member.agent !== agent) &&
      revoked.some((entry) => entry.agent === agent && isNew(entry)),
  )
}

/** Who opens the key of a record on either side, and is no member of it; each key once. */
export function readersOf(
  { ours, theirs }: GroupSides,
  { recipient, members }: GroupRecord,
): readonly Member[] {
  const all = [ours, theirs].flatMap((side) => (side.recipient === recipient ? side.members : []))
  const known = new Set(members.map((member) => member.recipient))
  return [...new Map(all.map((member) => [member.recipient, member])).values()].filter(
    (member) => !known.has(member.recipient),
  )
}

/** The groups of a vault with a member that, as `agents` has it, has ended or has another key. */
export function outdatedGroups(groups: Vault, agents: Vault): readonly string[] {
  const isOutdated = ({ agent, recipient }: Member): boolean => {
    const record = findAgentRecord(agents, agent)
    return record?.ended !== undefined || record?.recipient !== recipient
  }
  return listGroups(groups).filter((group) => findGroup(groups, group)?.members.some(isOutdated))
}

function agentsOf({ members }: GroupRecord): readonly string[] {
  return members.map(({ agent }) => agent)
}

/**
 * The earlier identities of the merged group, newest first, if the loser had keys that the winner
 * does not know: what was sealed to them stays readable for owners. Undefined if there are none.
 */
export async function unitedPast(
  group: string,
  winner: { readonly vault: Vault; readonly record: GroupRecord },
  loser: { readonly vault: Vault; readonly record: GroupRecord },
  identity: string,
): Promise<readonly string[] | undefined> {
  const won = await keysOf(group, winner.vault, winner.record, identity)
  const known = new Set(won.map((key) => key.recipient))
  // Who knows a key of a group knows all before it. Out of the index, the loser may have no past of
  // its own: git takes a file from the side that changed it.
  if (known.has(digestOf(loser.record.recipient))) return undefined
  const lost = await keysOf(group, loser.vault, loser.record, identity)
  const added = lost.filter((key) => !known.has(key.recipient))
  if (added.length === 0) return undefined
  // Newest first: a later rekey tells by the order who could open what.
  const [, ...past] = won
  return [...past, ...added].sort((a, b) => b.epoch - a.epoch).map((key) => key.identity)
}

interface EpochKey {
  readonly identity: string
  readonly recipient: string
  readonly epoch: number
}

async function keysOf(
  group: string,
  vault: Vault,
  record: GroupRecord,
  identity: string,
): Promise<readonly EpochKey[]> {
  const current = await openGroupKey(vault, group, record, [identity])
  const past = await openPastKeys(vault, group, record, [identity])
  return Promise.all(
    [current, ...past].map(async (each, index) => ({
      identity: each,
      recipient: digestOf(await recipientOf(each)),
      epoch: record.epoch - index,
    })),
  )
}
