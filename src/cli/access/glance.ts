import {
  type AuditLine,
  AuditTail,
  VaultError,
  auditFiles,
  auditFolder,
  hasPassed,
  later,
} from "../../core/index.js"
import {
  type AccessOverview,
  type OverviewGrant,
  type WaitingWish,
  describeOverview,
  waitingWishes,
} from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { readingKeyless } from "../door/reading.js"
import { placeOf } from "../door/who.js"

/** What is shown of the audit: how values were handed out, asked for, or stopped. */
const SHOWN_EVENTS: ReadonlySet<string> = new Set([
  "read",
  "request",
  "refused",
  "asked",
  "gate",
  "output",
])
const LAST = 25
/** What ends within this time is told, in days. */
export const SOON_DAYS = 30
const DAY_S = 86_400

/** All that a look at a vault shows. Nothing of it is a value. */
export interface Glance {
  readonly overview: AccessOverview
  readonly branch: string | undefined
  /** What agents ask of owners, on branches. */
  readonly requests: readonly WaitingWish[]
  /** The last lines of the audit of this machine, newest first. */
  readonly reads: readonly AuditLine[]
  /** Why the audit could not be read. */
  readonly readsProblem?: string
}

/** Takes a look. Throws as `list` does. */
export async function takeGlance(door: Door): Promise<Glance> {
  const place = placeOf(door)
  const overview = await readingKeyless(door, place, (vault) => describeOverview(vault, new Date()))
  const branch = place.checkout?.branch?.replace("refs/heads/", "")
  const requests = await waitingWishes(place, door.env)
  return { overview, branch, requests, ...lastReads(door, overview.vault) }
}

function lastReads({ env }: Door, vault: string): Pick<Glance, "reads" | "readsProblem"> {
  try {
    const files = auditFiles(auditFolder(vault, env))
    const lines = files.flatMap((file) => new AuditTail(file).more())
    const shown = lines.filter(({ event }) => SHOWN_EVENTS.has(event))
    return { reads: shown.sort((one, other) => (one.at < other.at ? 1 : -1)).slice(0, LAST) }
  } catch (error) {
    const why = VaultError.is(error) ? error.message : "its files cannot be read"
    return { reads: [], readsProblem: `the audit of this machine is not shown: ${why}` }
  }
}

/** What a grant, or a wish for one, comes to. */
export type CellState = "open" | "ends soon" | "ended" | "wished" | "to end"

/** What there is between an agent and a group. */
export interface AccessCell {
  readonly agent: string
  readonly group: string
  readonly state: CellState
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly reason?: string | undefined
}

/** All pairs between which there is something, by agent and then by group. */
export function cellsOf(overview: AccessOverview): AccessCell[] {
  const { grants, pending = [], at } = overview
  const soon = later(new Date(at), SOON_DAYS * DAY_S)
  const lost = new Set(
    pending.flatMap(({ group, losses }) => losses.map(({ agent }) => `${agent} ${group}`)),
  )
  const kept = grants.map((grant) => ({ ...grant, state: stateOf(grant, lost, soon) }))
  const held = new Set(grants.map(({ agent, group }) => `${agent} ${group}`))
  const wished = pending.flatMap(({ group, gains }) =>
    gains
      .filter(({ agent }) => !held.has(`${agent} ${group}`))
      .map(({ agent, until, reason }) => ({
        agent,
        group,
        until,
        reason,
        state: "wished" as const,
      })),
  )
  return [...kept, ...wished].sort((one, other) =>
    `${one.agent} ${one.group}` < `${other.agent} ${other.group}` ? -1 : 1,
  )
}

/** The agents and the groups that there are, or that are wished for, in order. */
export function namesOf(
  overview: AccessOverview,
  cells: readonly AccessCell[],
): { readonly agents: readonly string[]; readonly groups: readonly string[] } {
  const [agents, groups] = [
    [...overview.agents, ...cells].map(({ agent }) => agent),
    [...overview.groups, ...cells].map(({ group }) => group),
  ]
  return { agents: [...new Set(agents)].sort(), groups: [...new Set(groups)].sort() }
}

function stateOf(
  { agent, group, until, isEnded }: OverviewGrant,
  lost: ReadonlySet<string>,
  soon: string,
): CellState {
  if (isEnded) return "ended"
  if (lost.has(`${agent} ${group}`)) return "to end"
  return hasPassed(until, soon) ? "ends soon" : "open"
}

/** The secrets whose value somebody could read who no longer may. */
export function exposedIn({ secrets }: AccessOverview): AccessOverview["secrets"] {
  return secrets.filter(({ exposed }) => exposed !== undefined)
}

/** The secrets that have expired, or soon will. */
export function expiringIn({ secrets, at }: AccessOverview): AccessOverview["secrets"] {
  const soon = later(new Date(at), SOON_DAYS * DAY_S)
  return secrets
    .filter(({ expires }) => hasPassed(expires, soon))
    .sort((one, other) => ((one.expires ?? "") < (other.expires ?? "") ? -1 : 1))
}

/** `in 12 days`, `3 hours ago`, from one time to another. */
export function fromNow(time: string, now: string): string {
  const minutes = Math.round((Date.parse(time) - Date.parse(now)) / 60_000)
  const size = Math.abs(minutes)
  const [count, unit] =
    size >= 2880
      ? [Math.round(size / 1440), "days"]
      : size >= 120
        ? [Math.round(size / 60), "hours"]
        : [size, size === 1 ? "minute" : "minutes"]
  if (count === 0) return "now"
  return minutes > 0 ? `in ${count} ${unit}` : `${count} ${unit} ago`
}
