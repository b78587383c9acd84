import { later, parseDuration, parseTime } from "../../core/index.js"
import type { AccessAsked } from "../../core/owner.js"
import { argumentsOf } from "../calls/arguments.js"
import { type Arguments, TEXT, type Tool, gives, listOf, shape } from "../calls/tool.js"
import { WISH_SCHEMA, wishFacts } from "./shown-wish.js"
import { grantLine } from "./unseen-use.js"
import { reasonOf } from "./written-reason.js"

const HOUR_MS = 3_600_000

interface AccessArguments {
  readonly groups: readonly string[]
  readonly why: string
  readonly until: string
  readonly push: boolean
}

export const REQUEST_ACCESS: Tool = {
  name: "request_access",
  title: "Ask for access",
  description:
    "Asks the owners of the vault to let this agent open groups of secrets that are closed to it. It writes the grant as a wish on a Git branch of its own, with your reason, and changes nothing else: neither files nor the branch that is checked out. Nobody gains access by it. Tell the person what `owner` says: an owner types those lines, or does not.",
  docs: "a wish for `groups` that are closed to the agent, with `why` and `until`: a [branch of its own](#asking-for-access), which gives no access until an owner applies it; `push` shares it",
  changesThings: true,
  inputSchema: shape(
    {
      groups: {
        ...listOf(TEXT),
        description: "the part of a secret's name before the slash: stripe",
      },
      why: { ...TEXT, description: "what you need them for, in one line, for the owner" },
      until: {
        ...TEXT,
        description: "when it should end: 2026-12-01, or after a span such as 12h or 30d",
      },
      push: { type: "boolean", description: "whether to push the branch, so that others see it" },
    },
    ["groups", "why"],
  ),
  outputSchema: gives(
    {
      is: {
        ...TEXT,
        enum: ["granted", "pending", "asked", "asked-already"],
        description:
          "granted: this agent opens them already; pending: the manifest asks for it, and no owner has applied it; asked: a branch was made now; asked-already: it is there from before",
      },
      granted: { ...listOf(TEXT), description: "the groups that this agent opens already" },
      asked: { ...listOf(TEXT), description: "the groups that an owner has to grant" },
      ...WISH_SCHEMA,
      next: { ...TEXT, description: "what you can do now" },
    },
    ["is", "granted", "asked"],
  ),
  call: async (args, { serving, made, seen }) => {
    const given = argumentsOf<AccessArguments>(REQUEST_ACCESS, loosened(args))
    const { groups = [], until, push = false } = given
    const wish = {
      groups,
      why: reasonOf(given.why, seen),
      until: until === undefined ? undefined : endOf(until),
      push,
    }
    return { document: shown(await serving.wishes.access(wish, made)) }
  },
}

/** Models write one group as a text, whatever a schema says. */
function loosened(args: Arguments): Arguments {
  const { groups } = args
  return typeof groups === "string" ? { ...args, groups: [groups] } : args
}

/** A span ends at a full hour: who asks again soon asks for the same. */
function endOf(text: string): string {
  if (!/^\d+[a-z]$/.test(text)) return parseTime(text)
  const end = Date.parse(later(new Date(), parseDuration(text)))
  return later(new Date(Math.ceil(end / HOUR_MS) * HOUR_MS), 0)
}

function shown({ agent, granted, asked, wish, shared }: AccessAsked): Record<string, unknown> {
  const groups = { granted, asked }
  if (wish === undefined) {
    return { is: "granted", ...groups, next: "use them: list_secrets says how" }
  }
  const typed = `instead of merging, an owner may type: ${grantLine(agent, asked.join(" "))}`
  const notes = wish.is === "pending" ? ["no owner has applied it"] : [typed]
  const known = { wish, ...(shared === undefined ? {} : { shared }) }
  return {
    ...groups,
    ...wishFacts(known, ["agent-vault apply"], notes, true),
    next: "go on without them, and call again later: describe_access says when they are open",
  }
}
