import { AUDIT_EVENTS, type AuditLine } from "../../core/index.js"
import { argumentsOf, wrong } from "../calls/arguments.js"
import { type Surroundings, TEXT, type Tool, gives, listOf, shape } from "../calls/tool.js"

/** Lines of one answer. */
const PAGE = 50

/** What of a line a model is told: names and decisions, as the audit has them. */
const TOLD = [
  "seq",
  "at",
  "event",
  "decision",
  "reason",
  "method",
  "host",
  "port",
  "path",
  "rule",
  "status",
  "program",
  "session",
  "turn",
  "call",
] as const satisfies readonly (keyof AuditLine)[]
const COUNTS: ReadonlySet<string> = new Set(["seq", "port", "status"])

const EVENTS = Object.keys(AUDIT_EVENTS).join(", ")

interface LinesWanted {
  readonly secret: string
  readonly host: string
  readonly event: string
  readonly before: number
}

export const AUDIT_LOG: Tool = {
  name: "audit_log",
  title: "Look at the audit",
  description:
    "Shows what this agent did with secrets on this machine, newest first: what was read, sent where, refused and why. Never a value. `path` is the rule's pattern. Narrow it with `secret` (a name or a group), `host` or `event`; `next` has the arguments of the next page.",
  docs: "what this agent did with secrets on this machine, newest first, 50 lines at once: names, hosts, decisions and reasons from the [audit](audit.md), never a value",
  inputSchema: shape({
    secret: { ...TEXT, description: "GROUP/NAME, or GROUP for all of it" },
    host: { ...TEXT, description: "where a value was to go" },
    // No enum: in a strict mode a model must send one, and leaves it out as an empty text.
    event: { ...TEXT, description: `one of ${EVENTS}` },
    before: { type: "integer", description: "only lines before this `seq`" },
  }),
  outputSchema: gives(
    {
      lines: listOf(
        shape(
          {
            ...Object.fromEntries(
              TOLD.map((name) => [name, COUNTS.has(name) ? { type: "integer" } : TEXT]),
            ),
            secrets: listOf(TEXT),
          },
          ["seq", "at", "event"],
        ),
      ),
      next: { type: "object", description: "the arguments of the next call, if there are more" },
    },
    ["lines"],
  ),
  call: async (args, surroundings) => {
    const wanted = argumentsOf<LinesWanted>(AUDIT_LOG, args)
    refuseUnknown(wanted.event)
    const all = (await surroundings.serving.auditLines()).filter(isWanted(wanted)).toReversed()
    const page = all.slice(0, PAGE)
    const last = page.at(-1)
    const next =
      all.length > page.length && last !== undefined
        ? { next: { ...wanted, before: last.seq } }
        : {}
    return { document: { lines: page.map((line) => told(line, surroundings)), ...next } }
  },
}

/** An empty answer would say that nothing of the kind happened. */
function refuseUnknown(event: string | undefined): void {
  if (event === undefined || Object.hasOwn(AUDIT_EVENTS, event)) return
  throw wrong("the audit has no event of that name", `choose one of ${EVENTS}`)
}

function isWanted({ secret, host, event, before = Infinity }: Partial<LinesWanted>) {
  return (line: AuditLine): boolean =>
    line.seq < before &&
    (host === undefined || line.host === host.toLowerCase()) &&
    (event === undefined || line.event === event) &&
    (secret === undefined ||
      (line.secrets ?? []).some(({ name }) => name === secret || name.startsWith(`${secret}/`)))
}

function told(line: AuditLine, { seen }: Surroundings): object {
  const facts = TOLD.flatMap((name) => {
    const fact = line[name]
    if (fact === undefined) return []
    return [[name, typeof fact === "string" ? seen.clean(fact) : fact] as const]
  })
  const secrets = line.secrets?.map(({ name }) => name)
  return { ...Object.fromEntries(facts), ...(secrets === undefined ? {} : { secrets }) }
}
