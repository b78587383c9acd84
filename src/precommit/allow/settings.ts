import { LIMITS, VaultError, isObject, loadYaml } from "../../core/guard.js"
import { ENV_FILE, OWN_VALUE } from "../report/finding.js"
import { SETTINGS_FILE } from "../report/request.js"
import { isRule } from "../detect/rules.js"

const LONGEST = 1000
const MOST_RULES = 100
const ID = /^[a-z0-9][a-z0-9-]*$/

/** A finding that people have looked at and declared to be no secret. */
export interface Exception {
  /** The path of the file from the top of the work tree, or a pattern with `*`, `**` and `?`. */
  readonly path: string
  readonly rule: string
  /** The one text that is meant; see fingerprint.ts. */
  readonly fingerprint: string
  readonly reason: string
}

/** A kind of credential that the repository's own settings describe. */
export interface CustomRule {
  readonly id: string
  readonly title: string
  /** A regular expression in RE2's syntax. Its first group, if any, is the secret. */
  readonly pattern: string
}

/** What people write down for the guard in their repository. */
interface Settings {
  readonly allow: readonly Exception[]
  readonly rules: readonly CustomRule[]
}

/** Parses the settings, strictly: what is misspelt must not go unnoticed. Throws `USAGE`. */
export async function parseSettings(bytes: Uint8Array): Promise<Settings> {
  const { parseStrictYaml } = await loadYaml()
  const document: unknown = parseStrictYaml(bytes, LIMITS.guardSettings, refusal).toJS({
    maxAliasCount: 0,
  })
  const file = asRecord(document, "the file", ["version", "allow", "rules"])
  if (file["version"] !== 1) throw refusal("it does not say `version: 1`")
  const rules = parseList(file, "rules", parseRule)
  refuseTwice(rules)
  if (rules.length > MOST_RULES) throw refusal(`it has more than ${MOST_RULES} rules`)
  return { allow: parseList(file, "allow", parseException), rules }
}

function parseList<T>(
  file: Readonly<Record<string, unknown>>,
  key: string,
  parse: (value: unknown, where: string) => T,
): T[] {
  const list = file[key] ?? []
  if (!Array.isArray(list)) throw refusal(`\`${key}\` is not a list`)
  return list.map((entry: unknown, index) => parse(entry, `entry ${index + 1} of \`${key}\``))
}

function parseException(value: unknown, where: string): Exception {
  const [path, rule, fingerprint, reason] = textsOf(value, where, [
    "path",
    "rule",
    "fingerprint",
    "reason",
  ])
  if (!ID.test(rule)) throw refusal(`${where} names no rule`)
  if (rule === OWN_VALUE || rule.startsWith("vault-")) {
    throw refusal(`${where} is for ${rule}, which has no entries`)
  }
  if (!/^[0-9a-f]{16}$/.test(fingerprint)) {
    throw refusal(`${where} has no fingerprint of 16 hex digits (write it in quotes)`)
  }
  return { path, rule, fingerprint, reason }
}

function parseRule(value: unknown, where: string): CustomRule {
  const [id, title, pattern] = textsOf(value, where, ["id", "title", "pattern"])
  if (!ID.test(id)) throw refusal(`${where} has an id of other characters than a-z, 0-9 and -`)
  if (isTaken(id)) throw refusal(`${where} has the id ${id} of a rule that the guard has`)
  return { id, title, pattern }
}

function isTaken(id: string): boolean {
  return isRule(id) || [OWN_VALUE, ENV_FILE].includes(id) || id.startsWith("vault-")
}

function refuseTwice(rules: readonly CustomRule[]): void {
  const ids = rules.map(({ id }) => id)
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice !== undefined) throw refusal(`two rules have the id ${twice}`)
}

type Texts<Keys extends readonly string[]> = { readonly [Index in keyof Keys]: string }

/** The values of a map that has these keys, no others, and a text for each. */
function textsOf<const Keys extends readonly string[]>(
  value: unknown,
  where: string,
  keys: Keys,
): Texts<Keys> {
  const entry = asRecord(value, where, keys)
  const texts = keys.map((key) => {
    const text = entry[key]
    if (typeof text === "string" && text.trim() !== "" && text.length <= LONGEST) return text
    throw refusal(`${where} has no ${key}, as text of at most ${LONGEST} characters`)
  })
  return texts as Texts<Keys>
}

function asRecord(
  value: unknown,
  where: string,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw refusal(`${where} is not a map`)
  const stranger = Object.keys(value).find((key) => !known.includes(key))
  if (stranger !== undefined) throw refusal(`${where} has an unknown key ${stranger}`)
  return value
}

/** Why the settings are refused, and so the commit. */
export function refusal(why: string, cause?: unknown): VaultError {
  return new VaultError("USAGE", `${SETTINGS_FILE} is not valid: ${why}`, {
    hint: "correct it; docs/guard.md says what it may hold",
    cause,
  })
}
