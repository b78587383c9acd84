import { harmless } from "../../core/index.js"
import type { AccessOverview } from "../../core/owner.js"
import { counted, policyLine } from "../door/render.js"
import { type AccessCell, cellsOf, namesOf } from "./glance.js"
import { hostsByGroup } from "./glance-lines.js"

/** How an arrow from an agent to a group is drawn. */
const ARROWS: Readonly<Record<AccessCell["state"], string>> = {
  open: "-->",
  "ends soon": "-->",
  ended: "-.->",
  wished: "-.->",
  "to end": "-.->",
}

/** A picture for a pull request: agents, the groups that they open, the hosts that these go to. */
export function glanceMermaid(overview: AccessOverview): string[] {
  const cells = cellsOf(overview)
  const names = namesOf(overview, cells)
  const [agents, groups] = [numbered("a", names.agents), numbered("g", names.groups)]
  const hostsOf = hostsByGroup(overview)
  const hosts = numbered("h", [...new Set([...hostsOf.values()].flat())].sort())
  const sizes = new Map(overview.groups.map(({ group, secrets }) => [group, secrets]))
  return [
    "```mermaid",
    "flowchart LR",
    ...[...agents].map(([agent, id]) => `  ${id}(["${label(agent)}"])`),
    ...[...groups].map(
      ([group, id]) => `  ${id}["${label(group)}<br/>${counted(sizes.get(group) ?? 0, "secret")}"]`,
    ),
    ...[...hosts].map(([host, id]) => `  ${id}{{"${label(host)}"}}`),
    ...cells.map((cell) => {
      const words = wordsOf(cell)
      const said = words === "" ? "" : `|"${label(words)}"|`
      return `  ${agents.get(cell.agent)} ${ARROWS[cell.state]}${said} ${groups.get(cell.group)}`
    }),
    ...[...hostsOf].flatMap(([group, own]) =>
      own.map((host) => `  ${groups.get(group)} --> ${hosts.get(host)}`),
    ),
    "```",
    // Below the picture: it is for what is granted.
    ...(overview.policy === undefined ? [] : ["", policyLine(overview.policy)]),
  ]
}

function numbered(letter: string, names: readonly string[]): ReadonlyMap<string, string> {
  return new Map(names.map((name, at) => [name, `${letter}${at}`]))
}

function wordsOf({ state, until }: AccessCell): string {
  const day = until?.slice(0, "2026-12-01".length)
  const ends = day === undefined ? "" : `until ${day}`
  if (state === "wished") return `pending${ends === "" ? "" : `, ${ends}`}`
  if (state === "to end") return "pending: ends"
  return state === "ended" ? `ended ${day ?? ""}` : ends
}

/** Text in a label: the characters that mean something to Mermaid, Markdown or HTML by number. */
function label(text: string): string {
  return harmless(text).replace(
    /[^\p{L}\p{N} ./:*,-]/gu,
    (character) => `#${character.codePointAt(0) ?? 0};`,
  )
}
