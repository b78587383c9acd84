import { exposedName } from "../../core/index.js"
import type { AccessOverview } from "../../core/owner.js"
import { counted, planLines, policyLine, table } from "../door/render.js"
import {
  type AccessCell,
  type Glance,
  SOON_DAYS,
  cellsOf,
  expiringIn,
  exposedIn,
  fromNow,
} from "./glance.js"
import { requestLines } from "./request-lines.js"

const HEAD = ["WHO", "OPENS", "SECRETS", "UNTIL", "STATE", "GOES TO"]
const HOSTS_SHOWN = 2

/** The look at a terminal: who may open and use what, until when, and what needs attention. */
export function glanceLines({ overview, requests }: Glance): string[] {
  return [
    ...table([HEAD, ...ownerRows(overview), ...agentRows(overview)]),
    ...(overview.policy === undefined ? [] : ["", policyLine(overview.policy)]),
    ...wishLines(overview),
    ...(requests.length === 0 ? [] : ["", ...requestLines(requests)]),
    ...secretLines(
      "Exposed: rotate these at their source, then agent-vault set",
      exposedIn(overview),
      ({ exposed = [] }) => `to ${exposed.map(exposedName).join(", ")}`,
    ),
    ...secretLines(
      `Expired, or to expire within ${SOON_DAYS} days`,
      expiringIn(overview),
      ({ expires = "" }) => `${expires} (${fromNow(expires, overview.at)})`,
    ),
  ]
}

function ownerRows({ owners, secrets }: AccessOverview): string[][] {
  return owners.map((owner) => [`${owner} (owner)`, "everything", String(secrets.length)])
}

function agentRows(overview: AccessOverview): string[][] {
  const cells = cellsOf(overview)
  const idle = overview.agents.filter(({ agent }) => !cells.some((cell) => cell.agent === agent))
  const hosts = hostsByGroup(overview)
  const sizes = new Map(overview.groups.map(({ group, secrets }) => [group, secrets]))
  return [
    ...cells.map((cell) => [
      cell.agent,
      cell.group,
      String(sizes.get(cell.group) ?? 0),
      cell.until ?? "",
      STATES[cell.state],
      shortened(hosts.get(cell.group) ?? []),
    ]),
    ...idle.map(({ agent }) => [agent, "nothing"]),
  ]
}

const STATES: Readonly<Record<AccessCell["state"], string>> = {
  open: "open",
  "ends soon": "open, ends soon",
  ended: "ended",
  wished: "pending: to be granted",
  "to end": "pending: to be revoked",
}

/** Where the broker may send secrets of each group. */
export function hostsByGroup({ secrets }: AccessOverview): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, Set<string>>()
  for (const { name, use = [] } of secrets) {
    const [group = ""] = name.split("/")
    const known = hosts.get(group) ?? new Set<string>()
    for (const rule of use) for (const host of rule.hosts) known.add(host)
    hosts.set(group, known)
  }
  return new Map([...hosts].map(([group, known]) => [group, [...known].sort()]))
}

function shortened(hosts: readonly string[]): string {
  const more = hosts.length > HOSTS_SHOWN ? ` +${hosts.length - HOSTS_SHOWN}` : ""
  return `${hosts.slice(0, HOSTS_SHOWN).join(", ")}${more}`
}

function wishLines({ pending, manifestProblem }: AccessOverview): string[] {
  if (manifestProblem !== undefined) return ["", `No wishes are shown: ${manifestProblem}`]
  if (pending === undefined || pending.length === 0) return []
  const wishes = planLines({ id: "", groups: pending }).map((line) => `  ${line}`)
  return ["", "Pending, until an owner runs agent-vault apply:", ...wishes]
}

function secretLines(
  head: string,
  secrets: AccessOverview["secrets"],
  tell: (secret: AccessOverview["secrets"][number]) => string,
): string[] {
  if (secrets.length === 0) return []
  const rows = secrets.map((secret) => [`  ${secret.name}`, tell(secret)])
  return ["", `${head} (${counted(secrets.length, "secret")}):`, ...table(rows)]
}
