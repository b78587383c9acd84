import type { PolicyPlan } from "../policy/policy-wish.js"
import type { Grant, Manifest } from "../records/manifest.js"
import {
  type AgentRecord,
  type GroupRecord,
  type Loss,
  type Member,
  digestOf,
} from "../records/record.js"
import { groupedBy } from "../words/grouped.js"
import { hasPassed, utc, laterOf } from "../words/time.js"

/** What the vault's records say now, as far as access is concerned. */
export interface SealedState {
  readonly vault: string
  readonly serial: number
  /** By name; removed agents too. */
  readonly agents: ReadonlyMap<string, AgentRecord>
  readonly groups: ReadonlyMap<string, SealedGroup>
  /** The agents whose escrow an owner cannot open. */
  readonly closedEscrows: readonly string[]
}

/** An owner who was removed. */
export interface FormerOwner {
  readonly name: string
  readonly signer: string
}

/** How what a record is sealed to compares with the owners of now. */
export interface SealedToOwners {
  /** Whether an owner cannot open it: it was made, or sealed anew, on a branch without them. */
  readonly lacksOwner: boolean
  /** Removed owners who can: it was sealed on a branch where they still were owners. */
  readonly formerOwners: readonly FormerOwner[]
}

export interface SealedGroup extends SealedToOwners {
  readonly record: GroupRecord
  /** How many secrets are sealed to the group. */
  readonly secrets: number
  /** The names of those that are sealed to an earlier key of it. */
  readonly stale: readonly string[]
}

/** An agent who would open a group that it cannot open now. */
interface Gain {
  readonly agent: string
  readonly until?: string
  readonly reason?: string
  /** When it lost this group last, if it ever did. */
  readonly revokedAt?: string
}

/** An agent who would no longer open a group. */
interface Lost {
  readonly agent: string
  readonly since: string
  readonly why: Loss
}

/** A grant that goes on, with another end. */
interface Retimed {
  readonly agent: string
  readonly from?: string
  readonly until?: string
}

/** What has to happen to one group. */
export interface GroupPlan {
  readonly group: string
  readonly is: "new" | "changed" | "gone"
  readonly gains: readonly Gain[]
  readonly losses: readonly Lost[]
  readonly retimed: readonly Retimed[]
  /** Secrets to re-encrypt from an earlier key. */
  readonly stale: readonly string[]
  /** An owner cannot open it, and will: it was sealed on a branch that did not know of them. */
  readonly lacksOwner?: true
  /** Owners who were removed and can open it; they no longer will. */
  readonly formerOwners?: readonly FormerOwner[]
  /** Agents that a grant names and the vault does not know. */
  readonly unknown: readonly string[]
  /** Who the group will be sealed to, by name. */
  readonly members: readonly Member[]
  /** How many secrets the group has: a loss re-encrypts them all. */
  readonly secrets: number
  /**
   * The leased secrets of which one agent alone keeps what succeeds their refresh token, and loses
   * access, or its key. Absent where there is none.
   */
  readonly kept?: readonly { readonly secret: string; readonly agent: string }[]
}

/** The difference between manifest and sealed state: empty groups mean that they agree. */
export interface Plan {
  /** Changes with anything that the plan was made from: 12 hex digits. */
  readonly id: string
  readonly groups: readonly GroupPlan[]
  /** Agents whose escrow is to be sealed to every owner: one cannot open it. */
  readonly escrows?: readonly string[]
  /** What policy.yaml wishes of the policy. */
  readonly policy?: PolicyPlan
}

/** Whether nothing is to be done. */
export function isEmptyPlan({ groups, escrows = [], policy }: Plan): boolean {
  return groups.length + escrows.length === 0 && policy === undefined
}

/** A plan that signs another policy as well, if there is one to sign. */
export function withPolicy(plan: Plan, policy: PolicyPlan | undefined): Plan {
  if (policy === undefined) return plan
  return { ...plan, id: shortId(JSON.stringify([plan.id, policy])), policy }
}

/** Compares the wish with the truth. Pure: the same input gives the same plan, and the same id. */
export function makePlan(manifest: Manifest, sealed: SealedState, now: Date): Plan {
  const names = new Set([...Object.keys(manifest.groups), ...sealed.groups.keys()])
  const grants = groupedBy(manifest.grants, ({ group }) => group)
  const groups = [...names]
    .sort()
    .map((name) => planGroup(name, manifest, grants.get(name) ?? [], sealed, utc(now)))
    .filter((group) => isChange(group))
  const { closedEscrows: escrows } = sealed
  const id = planId(sealed, groups)
  return { id, groups, ...(escrows.length === 0 ? {} : { escrows }) }
}

/** Whether all that the plan does to a group is to end grants that ran out. */
export function isExpiryOnly(group: GroupPlan): boolean {
  const { is, losses } = group
  const changed = group.gains.length + group.retimed.length
  const others = changed + group.stale.length + group.unknown.length
  const isEnd = losses.length > 0 && losses.every(({ why }) => why === "ended")
  return is === "changed" && others === 0 && isEnd && group.formerOwners === undefined
}

/** Whether all that the plan does to a group is to seal its keys to every owner. */
export function isForOwnersOnly(group: GroupPlan): boolean {
  const others = group.gains.length + group.losses.length + group.retimed.length
  const rest = group.stale.length + group.unknown.length + (group.formerOwners ?? []).length
  return group.lacksOwner === true && group.is === "changed" && others + rest === 0
}

/** Whether all that the plan does to a group is to close it to owners who were removed. */
export function isForFormerOwnersOnly(group: GroupPlan): boolean {
  const others = group.gains.length + group.losses.length + group.retimed.length
  const isAlone = group.is === "changed" && others + group.unknown.length === 0
  return group.formerOwners !== undefined && isAlone
}

/** A loss means a new key: who lost access holds the present one. */
export function needsRekey(group: GroupPlan): boolean {
  return group.is === "changed" && (group.losses.length > 0 || group.formerOwners !== undefined)
}

function planGroup(
  group: string,
  manifest: Manifest,
  grants: readonly Grant[],
  sealed: SealedState,
  now: string,
): GroupPlan {
  const present = sealed.groups.get(group)
  const { secrets = 0, stale = [] } = present ?? {}
  const current = present?.record.members ?? []
  if (!Object.hasOwn(manifest.groups, group)) {
    const losses = current.map((member) => lost(member, sealed, now))
    const none = { gains: [], retimed: [], stale: [], unknown: [], members: [] }
    return { group, is: "gone", ...none, losses, secrets }
  }

  const running = grants.filter(({ until }) => !hasPassed(until, now))
  const isKnown = ({ agent }: Grant): boolean => activeAgent(sealed, agent) !== undefined
  const before = new Map(current.map((member) => [keyOf(member), member]))
  const revoked = new Map(present?.record.revoked.map(({ agent, at }) => [agent, at]))
  // A grant never begins before the revoke that it follows, whatever the clock of this machine says.
  const startOf = (agent: string): string => laterOf(now, revoked.get(agent))
  const members = running.filter(isKnown).map((grant) => wanted(grant, before, sealed, startOf))
  const reasons = new Map(grants.map(({ agent, reason }) => [agent, reason]))
  const after = new Set(members.map(keyOf))
  return {
    group,
    is: present === undefined ? "new" : "changed",
    gains: members
      .filter((member) => !before.has(keyOf(member)))
      .map((member) => gain(member, reasons.get(member.agent), revoked.get(member.agent))),
    losses: current
      .filter((member) => !after.has(keyOf(member)))
      .map((member) => lost(member, sealed, now)),
    retimed: members.flatMap((member) => retimed(member, before.get(keyOf(member)))),
    stale,
    ...(present?.lacksOwner === true ? { lacksOwner: true as const } : {}),
    ...(present === undefined || present.formerOwners.length === 0
      ? {}
      : { formerOwners: present.formerOwners }),
    unknown: running.filter((grant) => !isKnown(grant)).map(({ agent }) => agent),
    members: members.sort((a, b) => (a.agent < b.agent ? -1 : 1)),
    secrets,
  }
}

function wanted(
  { agent, until }: Grant,
  before: ReadonlyMap<string, Member>,
  sealed: SealedState,
  startOf: (agent: string) => string,
): Member {
  const recipient = activeAgent(sealed, agent)?.recipient ?? ""
  const earlier = before.get(keyOf({ agent, recipient }))
  const end = until === undefined ? {} : { until }
  return { agent, recipient, since: earlier?.since ?? startOf(agent), ...end }
}

function gain(
  { agent, until }: Member,
  reason: string | undefined,
  revokedAt: string | undefined,
): Gain {
  return {
    agent,
    ...(until === undefined ? {} : { until }),
    ...(reason === undefined ? {} : { reason }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
  }
}

function lost(member: Member, sealed: SealedState, now: string): Lost {
  return { agent: member.agent, since: member.since, why: whyLost(member, sealed, now) }
}

/** A grant ends by its signed end alone: one that somebody wrote into the manifest is a wish. */
function whyLost(member: Member, sealed: SealedState, now: string): Loss {
  const agent = activeAgent(sealed, member.agent)
  if (agent === undefined) return "removed"
  if (agent.recipient !== member.recipient) return "rekeyed"
  return hasPassed(member.until, now) ? "ended" : "revoked"
}

function retimed(member: Member, before: Member | undefined): Retimed[] {
  if (before === undefined || before.until === member.until) return []
  return [
    {
      agent: member.agent,
      ...(before.until === undefined ? {} : { from: before.until }),
      ...(member.until === undefined ? {} : { until: member.until }),
    },
  ]
}

function activeAgent(sealed: SealedState, name: string): AgentRecord | undefined {
  const agent = sealed.agents.get(name)
  return agent?.ended === undefined ? agent : undefined
}

function isChange(plan: GroupPlan): boolean {
  return (
    plan.is !== "changed" ||
    plan.gains.length + plan.losses.length + plan.retimed.length > 0 ||
    plan.stale.length + plan.unknown.length > 0 ||
    plan.lacksOwner === true ||
    plan.formerOwners !== undefined
  )
}

function keyOf({ agent, recipient }: Pick<Member, "agent" | "recipient">): string {
  return `${agent} ${recipient}`
}

/** Binds the plan to the serials it was made from, so that what was reviewed is what is applied. */
function planId(sealed: SealedState, groups: readonly GroupPlan[]): string {
  const serials = [...sealed.groups].map(([name, { record }]) => [
    name,
    record.epoch,
    record.serial,
  ])
  // `since` of a new member is the clock's, and must not change the id of the same plan.
  const stable = groups.map(({ members, ...rest }) => [rest, members.map(keyOf)])
  const { closedEscrows } = sealed
  const parts = [sealed.vault, sealed.serial, serials, stable]
  const text = JSON.stringify(closedEscrows.length === 0 ? parts : [...parts, closedEscrows])
  return shortId(text)
}

function shortId(text: string): string {
  return digestOf(text).slice("sha256:".length, "sha256:".length + 12)
}
