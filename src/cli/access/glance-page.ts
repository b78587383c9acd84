import {
  type AuditLine,
  type VaultError,
  authorityOf,
  describeUse,
  hasPassed,
  exposedName,
} from "../../core/index.js"
import type { AccessOverview, GroupPlan } from "../../core/owner.js"
import { type Html, markup } from "../../page/html.js"
import { type Page, pageOf } from "../../page/page.js"
import { counted } from "../door/render.js"
import { type Glance, SOON_DAYS, cellsOf, expiringIn, exposedIn, fromNow } from "./glance.js"
import { glanceMatrix } from "./glance-matrix.js"
import { answerTo } from "./request-lines.js"
import { GLANCE_STYLE } from "./glance-style.js"

type Secret = AccessOverview["secrets"][number]

/** How the page is shown: by itself in a file, or live with a script of ours. */
type GlanceShown = { readonly in: "file" } | { readonly in: "server"; script: string }

/** What a page says of itself; its script says more, once it listens. */
const LIVE = markup`<span id="live" role="status">This is how it was when it was opened.</span>`

/** The look as one page, which loads nothing. What comes from the repository is text in it. */
export function glancePage(glance: Glance, shown: GlanceShown): Page {
  return shownPage(
    "Who may open what",
    markup`${head(glance, shown)}
<main>
${tiles(glance)}
${calls(glance)}
${glanceMatrix(glance.overview)}
${policySection(glance.overview)}
${secretsTable(glance.overview)}
${readsTable(glance)}
</main>
${foot(glance)}`,
    shown,
  )
}

/** What is shown of a vault that cannot be looked at now. */
export function problemPage({ code, message, hint }: VaultError, shown: GlanceShown): Page {
  const next = hint === undefined ? undefined : markup`<p>${hint}</p>`
  return shownPage(
    code,
    markup`<header><h1>Nothing can be shown now</h1><p>${LIVE}</p></header>
<main><ul class="calls"><li class="bad"><strong>${code}</strong>: ${message}${next}</li></ul></main>`,
    shown,
  )
}

function shownPage(title: string, body: Html, shown: GlanceShown): Page {
  const how = shown.in === "file" ? { isFile: true } : { script: shown.script }
  return pageOf({ title: `${title} – agent-vault`, style: GLANCE_STYLE, body, ...how })
}

function head({ overview, branch }: Glance, shown: GlanceShown): Html {
  const on = branch === undefined ? undefined : markup`, branch <code>${branch}</code>`
  return markup`<header>
<h1>Who may open what</h1>
<p>Vault <code>${overview.vault}</code>${on}, as of ${timed(overview.at)}${shown.in === "server" ? LIVE : undefined}</p>
<nav aria-label="On this page"><a href="#calls">What needs attention</a><a href="#access">Agents and groups</a>${overview.policy && markup`<a href="#policy">Policy</a>`}<a href="#secrets">Secrets</a><a href="#reads">Last reads</a></nav>
</header>`
}

function tiles({ overview }: Glance): Html {
  const { agents, groups, secrets, pending = [] } = overview
  const facts: readonly (readonly [count: number, what: string, look: string])[] = [
    [agents.length, "agents", ""],
    [groups.length, "groups", ""],
    [secrets.length, "secrets", ""],
    [exposedIn(overview).length, "exposed", "bad"],
    [expiringIn(overview).length, `expire within ${SOON_DAYS} days`, "warn"],
    [pending.length, "groups with wishes", "warn"],
  ]
  const tile = ([count, what, look]: (typeof facts)[number]): Html =>
    markup`<li class="${count > 0 ? look : ""}"><strong>${count}</strong><span>${what}</span></li>`
  return markup`<ul class="tiles" aria-label="In numbers">${facts.map(tile)}</ul>`
}

function calls({ overview, requests }: Glance): Html {
  const { at, pending = [], manifestProblem } = overview
  const all = [
    ...exposedIn(overview).map(({ name, exposed = [] }) =>
      call(
        "bad",
        markup`<code>${name}</code> is exposed to ${exposed.map(exposedName).join(", ")}: rotate it at its source, then <code>agent-vault set ${name}</code>`,
      ),
    ),
    ...expiringIn(overview).map(({ name, expires = "" }) => {
      const isOver = hasPassed(expires, at)
      return call(
        isOver ? "bad" : "warn",
        markup`<code>${name}</code> ${isOver ? "expired" : "expires"} ${timed(expires)} (${fromNow(expires, at)})`,
      )
    }),
    ...cellsOf(overview).flatMap(({ agent, group, until, state }) =>
      state === "ends soon" && until !== undefined
        ? [
            call(
              "warn",
              markup`<code>${agent}</code> loses <code>${group}</code> ${fromNow(until, at)}`,
            ),
          ]
        : [],
    ),
    ...requests.map((request) =>
      call(
        "warn",
        markup`${request.what} (${fromNow(request.at, at)}): <code>${answerTo(request)}</code>`,
      ),
    ),
    ...pending.flatMap(wishes),
    ...(manifestProblem === undefined
      ? []
      : [call("bad", markup`No wishes are shown: ${manifestProblem}`)]),
  ]
  const none = call(
    "good",
    markup`Nothing: no value is exposed, nothing ends soon, and no wish waits.`,
  )
  return markup`<section aria-labelledby="calls"><h2 id="calls">What needs attention</h2>
<ul class="calls">${all.length === 0 ? none : all}</ul></section>`
}

function call(look: "good" | "warn" | "bad", words: Html): Html {
  return markup`<li class="${look}">${words}</li>`
}

/** What an owner's `apply` would do to a group. */
function wishes(plan: GroupPlan): Html[] {
  const { group, is, gains, losses, retimed, unknown, formerOwners = [] } = plan
  const name = markup`<code>${group}</code>`
  return [
    ...(is === "new" ? [markup`the new group ${name}`] : []),
    ...(is === "gone" ? [markup`${name} is to go`] : []),
    ...formerOwners.map(
      (owner) => markup`${owner.name}, who was removed as an owner, is no longer to open ${name}`,
    ),
    ...gains.map(
      ({ agent, until, reason }) =>
        markup`<code>${agent}</code> is to open ${name}${ending(until)}${reason === undefined ? undefined : ` (${reason})`}`,
    ),
    ...losses.map(({ agent }) => markup`<code>${agent}</code> is no longer to open ${name}`),
    ...retimed.map(
      ({ agent, until }) =>
        markup`<code>${agent}</code> is to open ${name}${ending(until) ?? " without an end"}`,
    ),
    ...unknown.map(
      (agent) => markup`a grant of ${name} names <code>${agent}</code>, which is not an agent`,
    ),
  ].map((words) =>
    call("warn", markup`Pending: ${words}. An owner decides: <code>agent-vault apply</code>`),
  )
}

function ending(until: string | undefined): Html | undefined {
  return until === undefined ? undefined : markup` until ${timed(until)}`
}

/** What a grant alone does not decide. */
function policySection({ policy }: AccessOverview): Html | undefined {
  if (policy === undefined) return undefined
  const rules = policy.map(
    ({ name, when, effect }) =>
      markup`<li>${chip("plain", effect)}${name}<small><code>${when}</code></small></li>`,
  )
  return markup`<section aria-labelledby="policy"><h2 id="policy">Policy<small>what each value has to pass as well: deny wins over confirm, and confirm over allow</small></h2>
<ul class="rules">${rules}</ul>
<p class="soft">What it says of a secret: <code>agent-vault policy explain GROUP/NAME --agent AGENT</code></p></section>`
}

function secretsTable({ secrets, at }: AccessOverview): Html {
  const rows = secrets.map(
    (secret) => markup`<tr role="row"><th scope="row" role="rowheader">${secret.name}${
      secret.description === undefined ? undefined : markup`<small>${secret.description}</small>`
    }</th>
<td role="cell" data-name="Version">${secret.version}<small>${fromNow(secret.changed, at)}</small></td>
<td role="cell" class="when" data-name="Expires">${secret.expires === undefined ? undefined : timed(secret.expires)}</td>
<td role="cell">${stateOf(secret, at)}</td>
<td role="cell" data-name="Sent">${usesOf(secret)}</td></tr>`,
  )
  const none = markup`<p class="soft">There are no secrets yet: <code>agent-vault set GROUP/NAME</code></p>`
  const names = ["Secret", "Version", "Expires", "State", "May be sent, by the broker alone"]
  return markup`<section aria-labelledby="secrets"><h2 id="secrets">Secrets<small>names and rules, never a value</small></h2>
${rows.length === 0 ? none : cards("secrets", names, rows)}</section>`
}

function stateOf({ exposed, expires, reveal }: Secret, at: string): Html[] {
  return [
    ...(exposed === undefined ? [] : [chip("ended", "exposed")]),
    ...(hasPassed(expires, at) ? [chip("ended", "expired")] : []),
    ...(reveal === undefined ? [] : [chip("plain", `models: ${reveal}`)]),
  ]
}

function chip(look: string, words: string): Html {
  return markup`<span class="state ${look}">${words}</span> `
}

function usesOf({ use = [] }: Secret): Html {
  if (use.length === 0) return markup`<span class="none">nowhere</span>`
  return markup`<ul class="rules">${use.map((rule) => markup`<li><code>${describeUse(rule)}</code></li>`)}</ul>`
}

function readsTable({ reads, readsProblem, overview }: Glance): Html {
  const rows = reads.map(
    (
      line,
    ) => markup`<tr role="row"><td role="cell" class="when">${timed(line.at)}<small>${fromNow(line.at, overview.at)}</small></td>
<th scope="row" role="rowheader">${line.agent ?? `${line.owner ?? ""} (owner)`}</th>
<td role="cell">${line.event}<small>${[line.door, line.program].filter(Boolean).join(", ")}</small></td>
<td role="cell">${(line.secrets ?? []).map(({ name }) => markup`<code>${name}</code> `)}</td>
<td role="cell">${whereOf(line)}</td>
<td role="cell">${decisionOf(line)}</td></tr>`,
  )
  const none = markup`<p class="soft">${readsProblem ?? "The audit of this machine has no reads of this vault."}</p>`
  const names = ["When", "Who", "What", "Secrets", "Where", "Decision"]
  return markup`<section aria-labelledby="reads"><h2 id="reads">Last reads<small>by the audit of this machine</small></h2>
${rows.length === 0 ? none : cards("reads", names, rows)}</section>`
}

function whereOf({ method, host, port, path }: AuditLine): Html | undefined {
  if (host === undefined) return undefined
  const request = `${method ?? ""} ${authorityOf(host, port)}${path ?? ""}`.trim()
  return markup`<code>${request}</code>`
}

function decisionOf({ decision, reason }: AuditLine): Html | undefined {
  if (decision === undefined) return undefined
  const look = { allowed: "open", refused: "ended", redacted: "soon" }[decision]
  return markup`<span class="state ${look}">${decision}</span>${reason === undefined ? undefined : markup`<small>${reason}</small>`}`
}

/** A table of a section, whose rows are cards where there is little room. */
function cards(section: string, names: readonly string[], rows: readonly Html[]): Html {
  const columns = names.map((name) => markup`<th scope="col" role="columnheader">${name}</th>`)
  return markup`<div class="scroll" role="region" aria-labelledby="${section}" tabindex="0"><table class="cards" role="table">
<thead role="rowgroup"><tr role="row">${columns}</tr></thead>
<tbody role="rowgroup">${rows}</tbody></table></div>`
}

/** A time for people, with the whole of it for programs. */
function timed(time: string): Html {
  const [day = "", rest = ""] = time.split("T")
  return markup`<time datetime="${time}">${day}${rest === "00:00:00Z" ? "" : ` ${rest.slice(0, 5)} UTC`}</time>`
}

function foot({ overview }: Glance): Html {
  return markup`<footer><p>Owners (${overview.owners.join(", ")}) open everything. Signed records say who can open what; wishes, descriptions and reasons are in the manifest, which nobody signs. The reads are those of this machine alone. This page holds no value. ${counted(overview.groups.length, "group")}; keys: ${overview.keys}. Made by <code>agent-vault access</code>.</p></footer>`
}
