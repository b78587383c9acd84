import type { AccessOverview } from "../../core/owner.js"
import { type Html, markup } from "../../page/html.js"
import { counted } from "../door/render.js"
import { type AccessCell, type CellState, cellsOf, namesOf } from "./glance.js"

const LOOKS: Readonly<Record<CellState, readonly [look: string, words: string]>> = {
  open: ["open", "opens"],
  "ends soon": ["soon", "opens, ends soon"],
  ended: ["ended", "ended"],
  wished: ["wished", "pending"],
  "to end": ["toend", "pending: ends"],
}

/** Agents by groups: what each may open, until when. */
export function glanceMatrix(overview: AccessOverview): Html {
  const cells = cellsOf(overview)
  const { agents, groups } = namesOf(overview, cells)
  const byPair = new Map(cells.map((each) => [`${each.agent} ${each.group}`, each]))
  return markup`<section aria-labelledby="access"><h2 id="access">Agents and groups</h2>
${agents.length === 0 || groups.length === 0 ? empty(agents.length) : matrix(overview, agents, groups, byPair)}</section>`
}

function empty(agents: number): Html {
  const next = agents === 0 ? "agent-vault agent add NAME" : "agent-vault set GROUP/NAME"
  return markup`<p class="soft">There are no ${agents === 0 ? "agents" : "groups"} yet: <code>${next}</code></p>`
}

function matrix(
  overview: AccessOverview,
  agents: readonly string[],
  groups: readonly string[],
  byPair: ReadonlyMap<string, AccessCell>,
): Html {
  const row = (agent: string): Html =>
    markup`<tr><th scope="row">${agent}</th>${groups.map((group) => cell(byPair.get(`${agent} ${group}`)))}</tr>
`
  return markup`<div class="scroll" role="region" aria-labelledby="access" tabindex="0"><table class="matrix">
<thead><tr><th scope="col">Agent</th>${groups.map((group) => column(overview, group))}</tr></thead>
<tbody>${overview.owners.map((owner) => ownerRow(owner, groups.length))}${agents.map(row)}</tbody></table></div>`
}

function ownerRow(owner: string, groups: number): Html {
  return markup`<tr><th scope="row">${owner}<small>owner</small></th><td class="all" colspan="${groups}"><span class="state open">opens everything</span></td></tr>
`
}

function column({ groups }: AccessOverview, name: string): Html {
  const known = groups.find(({ group }) => group === name)
  const size = known === undefined ? "not made yet" : counted(known.secrets, "secret")
  return markup`<th scope="col">${name}<small>${size}</small>${
    known?.description === undefined ? undefined : markup`<small>${known.description}</small>`
  }</th>`
}

function cell(found: AccessCell | undefined): Html {
  if (found === undefined) return markup`<td><span class="none" aria-label="no">–</span></td>`
  const [look, words] = LOOKS[found.state]
  const until =
    found.until === undefined
      ? undefined
      : markup`<small>until <time datetime="${found.until}">${found.until.slice(0, 10)}</time></small>`
  const reason = found.reason === undefined ? undefined : markup`<small>${found.reason}</small>`
  return markup`<td><span class="state ${look}">${words}</span>${until}${reason}</td>`
}
