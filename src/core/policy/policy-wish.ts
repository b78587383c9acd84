import { parseStrictYaml } from "../records/yaml.js"
import { hasMergeMarkers } from "../words/markers.js"
import { VaultError } from "../words/errors.js"
import { POLICY_WISH } from "../words/layout.js"
import { LIMITS } from "../words/limits.js"
import { parseSecretName } from "../words/names.js"
import { shellWord } from "../words/shell-word.js"
import { parseTags, tagsOf } from "../words/tags.js"
import { parseTime } from "../words/time.js"
import { REVEAL_POLICIES } from "../words/reveal-policy.js"
import { parseRequest } from "./explain-request.js"
import { NO_REQUEST, type PolicyQuestion } from "./policy-question.js"
import {
  POLICY_EFFECTS,
  type PolicyEffect,
  type PolicyRule,
  isLine,
  rulesProblem,
  strangerAmong,
} from "./policy-rules.js"
import { requestOf } from "./require-policy.js"

/** What people edit: the rules that should be signed, and cases that they have to decide so. */
export interface PolicyWish {
  readonly rules: readonly PolicyRule[]
  readonly cases: readonly PolicyCase[]
}

/** A question, and what the rules are expected to say to it. */
export interface PolicyCase {
  readonly name: string
  readonly question: PolicyQuestion
  readonly expect: PolicyEffect
}

/** The doors that a policy is asked about, as the audit names them. */
export const POLICY_DOORS = ["cli", "run", "sdk", "bridge", "mcp", "broker"] as const

const CASE_MEMBERS = ["name", "given", "expect"]
const GIVEN_MEMBERS = [
  "agent",
  "door",
  "secret",
  "reveal",
  "tags",
  "request",
  "client",
  "project",
  "time",
]
/** A Thursday, so that a case without a time says the same each day. */
const DEFAULT_TIME = "2026-01-01T12:00:00Z"

/** The text of a first policy.yaml: what was so without it, and a case. */
export const FIRST_POLICY = `# Which values may leave, and how: see docs/policy.md. An owner signs it: agent-vault policy set
version: 1
rules:
  - name: whoever was granted may
    when: "true"
    effect: allow
cases:
  - name: an agent reads what it was granted
    given: { agent: ci, door: run, secret: stripe/api-key }
    expect: allow
`

/**
 * Parses and checks a policy.yaml, the conditions of its rules apart. `file` is what its errors call
 * it. Throws `CONFIG_INVALID`.
 */
export function parsePolicyWish(bytes: Uint8Array, file: string = POLICY_WISH): PolicyWish {
  const refused = (why: string, cause?: unknown): VaultError => invalid(file, why, cause)
  const document = parseStrictYaml(bytes, LIMITS.record, (why, cause) =>
    refused(hasMergeMarkers(bytes) ? "it is in the middle of a merge" : why, cause),
  )
  const written: unknown = document.toJS({ maxAliasCount: 0 })
  const stranger = strangerAmong(written, ["version", "rules", "cases"])
  if (stranger !== undefined) throw refused(`it has no use for ${stranger}`)
  const { version, rules, cases = [] } = Object(written) as Readonly<Record<string, unknown>>
  if (version !== 1) throw refused("it needs the line: version: 1")
  const problem = rulesProblem(rules)
  if (problem !== undefined) throw refused(problem)
  if (!Array.isArray(cases) || cases.length > LIMITS.policyRules) {
    throw refused(`cases is a list of at most ${LIMITS.policyRules}`)
  }
  const parsed = cases.map((each, index) => {
    try {
      return parseCase(each)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw refused(`case ${index + 1}: ${why}`, error)
    }
  })
  // Only what a rule has, in one order.
  const plain = (rules as PolicyRule[]).map(({ name, when, effect }) => ({ name, when, effect }))
  return { rules: plain, cases: parsed }
}

function parseCase(written: unknown): PolicyCase {
  const stranger = strangerAmong(written, CASE_MEMBERS)
  if (stranger !== undefined) throw new Error(`it has no use for ${stranger}`)
  const { name, given, expect } = Object(written) as Readonly<Record<string, unknown>>
  if (!isLine(name)) throw new Error("it needs a name of one line")
  const effect = POLICY_EFFECTS.find((each) => each === expect)
  if (effect === undefined) throw new Error(`expect is one of ${POLICY_EFFECTS.join(", ")}`)
  return { name, question: questionGiven(given), expect: effect }
}

function questionGiven(given: unknown): PolicyQuestion {
  const stranger = strangerAmong(given, GIVEN_MEMBERS)
  if (stranger !== undefined) throw new Error(`given has no use for ${stranger}`)
  const said = Object(given) as Readonly<Record<string, unknown>>
  const other = Object.entries(said).find(([, value]) => typeof value !== "string")
  if (other !== undefined) throw new Error(`${other[0]} is a text`)
  const texts = said as Readonly<Record<string, string>>
  const { agent, secret, request, reveal = "allow", client = "" } = texts
  if (agent === undefined || secret === undefined) throw new Error("given needs agent and secret")
  const { full, group } = parseSecretName(secret)
  const door = said["door"] ?? (request === undefined ? "cli" : "broker")
  if (!POLICY_DOORS.some((each) => each === door)) {
    throw new Error(`door is one of ${POLICY_DOORS.join(", ")}`)
  }
  if (!REVEAL_POLICIES.some((each) => each === reveal)) {
    throw new Error(`reveal is one of ${REVEAL_POLICIES.join(", ")}`)
  }
  const tags = tagsOf(said["tags"] === undefined ? undefined : parseTags(said["tags"] as string))
  return {
    agent,
    door: door as string,
    secret: { name: full, group, reveal, tags },
    request: request === undefined ? NO_REQUEST : requestWritten(request),
    session: { client, project: texts["project"] ?? null },
    time: new Date(parseTime((said["time"] ?? DEFAULT_TIME) as string)),
  }
}

/** `GET https://api.stripe.com/v1/charges` */
function requestWritten(text: string): PolicyQuestion["request"] {
  const [method = "", url = ""] = text.split(" ")
  return requestOf(parseRequest(method, url))
}

/** What to do with a wish that is not valid. */
export function tryAgain(file: string): string {
  const named = file === POLICY_WISH ? "" : ` ${shellWord(file)}`
  return `correct it; then try it: agent-vault policy test${named}`
}

function invalid(file: string, why: string, cause?: unknown): VaultError {
  return new VaultError("CONFIG_INVALID", `${file} is not a valid policy: ${why}`, {
    hint: tryAgain(file),
    cause,
  })
}

/** What signing a wish would change. */
export interface PolicyPlan {
  readonly is: "new" | "changed" | "removed"
  readonly gained: readonly PolicyRule[]
  readonly lost: readonly PolicyRule[]
}

/** The difference between two lists of rules, an absent one too; undefined if they are the same. */
export function policyPlan(
  before: readonly PolicyRule[] | undefined,
  after: readonly PolicyRule[] | undefined,
): PolicyPlan | undefined {
  const [were, are] = [before ?? [], after ?? []].map((rules) => rules.map(textOf)) as [
    string[],
    string[],
  ]
  if (were.join("\n") === are.join("\n")) return undefined
  return {
    is: before === undefined ? "new" : after === undefined ? "removed" : "changed",
    gained: (after ?? []).filter((rule) => !were.includes(textOf(rule))),
    lost: (before ?? []).filter((rule) => !are.includes(textOf(rule))),
  }
}

function textOf({ name, when, effect }: PolicyRule): string {
  return JSON.stringify([name, when, effect])
}
