import { isObject } from "../../core/index.js"
import type { ServerEntry } from "./client-config.js"

/** What an entry says of how its server is reached. */
type ServerKind = "started" | "remote" | "unknown"

/** A value that the entry itself contains. */
export interface Literal {
  readonly variable: string
  readonly value: string
  /** Whether name or value are those of a key, and not of a setting. */
  readonly looksLikeKey: boolean
}

const HIDDEN = "[hidden]"
/** A shorter value occurs in words by chance. */
const TELLING = 4
const KEY_NAME =
  /key|token|secret|passw|passphrase|pwd|credential|auth|cookie|session|bearer|dsn|private|(^|_)(pat|pass|jwt)(_|$)|database_url|connection/i
const KEY_FORM = [
  /^(sk|rk|pk|whsec|ghp|gho|ghu|ghs|ghr|github_pat|glpat|xox[abeprs]|hf|npm|pypi|dop_v1|shpat|lin_api|ntn|secret)[-_]\w/,
  /^(AKIA|ASIA|AIza|ya29\.|eyJ|SG\.|AGE-SECRET-KEY-)/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  // A password in an address.
  /:\/\/[^/\s:@]*:[^/\s@]+@/,
]
const PATH = /^(~|\.{1,2})?[/\\]|^[A-Za-z]:[/\\]/
const SETTING = /^(true|false|yes|no|on|off|\d{1,5}|)$/i
const KEY_FLAG = /^--?[\w-]*(key|token|secret|passw|pwd|credential|auth|bearer)[\w-]*$/i

export function kindOf(entry: ServerEntry): ServerKind {
  if (typeof entry["command"] === "string") return "started"
  return typeof entry["url"] === "string" || typeof entry["serverUrl"] === "string"
    ? "remote"
    : "unknown"
}

/** The arguments of an entry. */
export function argumentsOf(entry: ServerEntry): readonly unknown[] {
  const args = entry["args"]
  return Array.isArray(args) ? args : []
}

/** The values of `env` that are literal, not references to something else. */
export function literalsOf(entry: ServerEntry): Literal[] {
  return Object.entries(isObject(entry["env"]) ? entry["env"] : {}).flatMap(([variable, value]) =>
    typeof value !== "string" || value === "" || isReference(value)
      ? []
      : [{ variable, value, looksLikeKey: looksLikeKey(variable, value) }],
  )
}

/** The arguments that hold a key, or one of these values, by their places, from 0. */
export function keysInArguments(
  args: readonly unknown[],
  values: readonly string[] = [],
): number[] {
  return args.flatMap((arg, at) => {
    if (typeof arg !== "string" || isReference(arg)) return []
    const before = args[at - 1]
    const isBehindFlag = typeof before === "string" && KEY_FLAG.test(before) && !arg.startsWith("-")
    return isBehindFlag || wordsHoldKey(arg) || values.some((value) => arg.includes(value))
      ? [at]
      : []
  })
}

/** Whether the command itself holds a key: some clients hand it to a shell. */
export function keyInCommand({ command }: ServerEntry): boolean {
  return typeof command === "string" && wordsHoldKey(command)
}

/**
 * The entry as a person may see it: without its own values, and without any of `values`. References
 * stay, and so does what is not a key.
 */
export function shownEntry(entry: ServerEntry, values: readonly string[] = []): ServerEntry {
  const known = [...values, ...literalsOf(entry).map(({ value }) => value)]
  const telling = known.filter((value) => value.length >= TELLING)
  const args = argumentsOf(entry)
  const masked = new Set(keysInArguments(args, telling))
  const shown = Object.entries(entry).map(([name, value]): [string, unknown] => {
    if (name === "args") {
      return [name, args.map((arg, at) => (masked.has(at) ? maskedArgument(arg) : arg))]
    }
    const isSafe = HOW_TO_START.has(name) && !(typeof value === "string" && wordsHoldKey(value))
    return [name, isSafe ? value : hidden(value)]
  })
  return Object.fromEntries(shown)
}

/** The name of a flag whose value is a key, if it can be shown without the value. */
export function flagOf(args: readonly unknown[], at: number): string | undefined {
  const [own, before] = [args[at], args[at - 1]]
  const [, assigned] = /^(--?[A-Za-z][\w-]*|[A-Za-z_]\w*)=/.exec(textOf(own)) ?? []
  return assigned ?? (KEY_FLAG.test(textOf(before)) ? textOf(before) : undefined)
}

/** Whether a value is taken from elsewhere when the server is started: `${TOKEN}`. */
function isReference(value: string): boolean {
  return value.includes("${")
}

function looksLikeKey(name: string, value: string): boolean {
  if (holdsKey(value)) return true
  return KEY_NAME.test(name) && !PATH.test(value) && !SETTING.test(value)
}

function wordsHoldKey(text: string): boolean {
  return text.split(/[\s'"?&]+/).some(holdsKey)
}

function holdsKey(text: string): boolean {
  // An argument of `run`: a name of a secret, and of a variable.
  if (/^[\w.-]+(?:\/[\w.-]+)+=[A-Za-z_]\w*$/.test(text)) return false
  const [, name, value] = /^(?:--?)?([A-Za-z_][\w-]*)=(.*)$/s.exec(text) ?? []
  if (name !== undefined && value !== undefined) return looksLikeKey(name, value)
  return KEY_FORM.some((form) => form.test(text)) || isRandom(text)
}

/** Whether a text is one long word of letters and digits that no person would write. */
function isRandom(text: string): boolean {
  if (text.length < 20 || PATH.test(text) || !/^[\w+/=.~-]+$/.test(text)) return false
  const kinds = [/[a-z]/, /[A-Z]/, /\d/].filter((kind) => kind.test(text)).length
  return kinds === 3 || /^[0-9a-f]{32,}$/i.test(text)
}

/** The fields of an entry that say how to start it. */
const HOW_TO_START = new Set([
  "command",
  "type",
  "cwd",
  "enabled",
  "disabled",
  "env_vars",
  "envFile",
])

function maskedArgument(arg: unknown): string {
  const [, assigned] = /^((?:--?)?[A-Za-z_][\w-]*=)\S*$/.exec(textOf(arg)) ?? []
  return `${assigned ?? ""}${HIDDEN}`
}

function hidden(value: unknown): unknown {
  if (typeof value === "string") return value === "" || /^\$\{[^}]*\}$/.test(value) ? value : HIDDEN
  if (Array.isArray(value)) return value.map(hidden)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hidden(inner)]))
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : ""
}
