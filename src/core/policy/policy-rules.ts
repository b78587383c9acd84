import { encodeRecord } from "../records/record.js"
import { type Format, isOfNewerFormat, newer } from "../records/record-format.js"
import { VaultError } from "../words/errors.js"
import { POLICY, bringBack } from "../words/layout.js"
import { LIMITS } from "../words/limits.js"

/** What a rule decides, in the order in which they win. */
export const POLICY_EFFECTS = ["deny", "confirm", "allow"] as const
export type PolicyEffect = (typeof POLICY_EFFECTS)[number]

/** A rule of a vault's policy: where its condition holds, it has this effect. */
export interface PolicyRule {
  /** One line, unique among the rules: what people call it. */
  readonly name: string
  /** A condition in CEL, of type bool. */
  readonly when: string
  readonly effect: PolicyEffect
}

/** The first format that knows policies: all that was there before refuses a vault that has one. */
const FORMAT: Format = 5
const RULE_MEMBERS = ["name", "when", "effect"]
const RECORD_MEMBERS = ["format", "kind", "path", "rules", "vault"]
/** Characters of a name. */
const LONGEST_NAME = 100

/** The bytes of policy.json for these rules; vault.json signs their digest. */
export function encodePolicy(vault: string, rules: readonly PolicyRule[]): Uint8Array {
  return encodeRecord({ format: FORMAT, kind: "policy", path: POLICY, rules, vault })
}

/**
 * The rules in a policy.json whose digest an owner signed. Throws `FORMAT_NEWER`, and
 * `RECORD_INVALID` for anything that {@link encodePolicy} would not have written.
 */
export function decodePolicy(bytes: Uint8Array, vault: string): readonly PolicyRule[] {
  const record = parsed(bytes) as Readonly<Record<string, unknown>>
  if (isOfNewerFormat({ ...record, kind: "policy" })) {
    throw newer(POLICY, record["format"] as number, "policy")
  }
  const { format, kind, path, rules } = record
  const isWhole = format === FORMAT && kind === "policy" && path === POLICY
  if (!isWhole || strangerAmong(record, RECORD_MEMBERS) !== undefined) {
    throw invalid("it has not the members of a policy")
  }
  if (record["vault"] !== vault) throw invalid("it belongs to another vault")
  const problem = rulesProblem(rules)
  if (problem !== undefined) throw invalid(problem)
  const checked = rules as readonly PolicyRule[]
  if (Buffer.from(encodePolicy(vault, checked)).equals(bytes)) return checked
  throw invalid("it is not in the one encoding of a record")
}

/** What is wrong with a list of rules, conditions apart; undefined if nothing is. */
export function rulesProblem(rules: unknown): string | undefined {
  if (!Array.isArray(rules) || rules.length === 0) return "it has no rules"
  if (rules.length > LIMITS.policyRules) return `it has more than ${LIMITS.policyRules} rules`
  const names = new Set<unknown>()
  for (const [index, rule] of rules.entries()) {
    const problem = ruleProblem(rule)
    if (problem !== undefined) return `rule ${index + 1}: ${problem}`
    const { name } = rule as PolicyRule
    if (names.has(name)) return `rule ${index + 1}: there is another rule ${name}`
    names.add(name)
  }
  return undefined
}

function ruleProblem(rule: unknown): string | undefined {
  const stranger = strangerAmong(rule, RULE_MEMBERS)
  if (stranger !== undefined) return `it has no use for ${stranger}`
  const { name, when, effect } = Object(rule) as Readonly<Record<string, unknown>>
  if (!isLine(name)) return `it needs a name of one line, up to ${LONGEST_NAME} characters`
  // It may have line ends and tabs, and no other control character.
  if (typeof when !== "string" || when.trim() === "" || /[^\P{Cc}\n\t]/u.test(when)) {
    return "it needs a condition: when"
  }
  if (when.length > LIMITS.policyCondition) {
    return `its condition is longer than ${LIMITS.policyCondition} characters`
  }
  if (POLICY_EFFECTS.some((each) => each === effect)) return undefined
  return `effect is one of ${POLICY_EFFECTS.join(", ")}`
}

/** Whether a text is one line for people, of what it may be long. */
export function isLine(text: unknown): text is string {
  return typeof text === "string" && /^[^\p{Cc}]+$/u.test(text) && text.length <= LONGEST_NAME
}

/** The first member that does not belong there. */
export function strangerAmong(value: unknown, known: readonly string[]): string | undefined {
  return Object.keys(Object(value) as object).find((member) => !known.includes(member))
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return Object(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)))
  } catch (cause) {
    throw invalid("it is not valid JSON", cause)
  }
}

function invalid(why: string, cause?: unknown): VaultError {
  return new VaultError("RECORD_INVALID", `${POLICY} is not a valid record: ${why}`, {
    hint: bringBack(POLICY),
    cause,
  })
}
