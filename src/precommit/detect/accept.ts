import { createHash } from "node:crypto"
import { checksums } from "../encoded/checksum.js"
import type { Assignment } from "../named/assignment.js"
import { checks, isEmptyToken, plainText } from "./checks.js"
import { isCiphertext } from "./ciphertext.js"
import { isRowId } from "./literals.js"
import { isPlaceholder, placeholderSign, withoutRows } from "./placeholder.js"
import { entropy, randomBits } from "./random.js"
import { type Kind, type Rule, isForm } from "./rules.js"
import known from "./rules/known.json" with { type: "json" }
import type { Veto } from "./veto.js"

/** Whether a name is the provider's alone, or that of its API. */
export function isNamed(rule: Rule, name: string): boolean {
  return rule.names?.some((own) => name === own || name === `${own}api`) ?? false
}

/** A version, a bare word of code, or a row's id: no provider's, whatever is named nearby. */
export function isPlain(text: string, found: Assignment): boolean {
  const { value, quoted } = found
  if (isRowId(text, found)) return true
  if (/^v?\d{1,3}\.\d{1,3}\.\d{1,3}[.+-]|^(?!http)[a-z]{2,12}:\/\/[a-z]/.test(value)) return true
  return !quoted && /^[A-Za-z_$]+$/.test(value) && randomBits(value) < 14
}

/** Names of what has the form of a key, and is none: a provider's own name says nothing of them. */
const OTHERS = new Set(
  `id ids uuid guid sha sha1 sha256 md5 hash digest checksum fingerprint rev revision commit`.split(
    " ",
  ),
)

/** Whether any name with the provider's in it is enough for this value. */
export function isAnyName(rule: Rule, { words, value }: Assignment): boolean {
  const last = words.at(-1) ?? ""
  const isOther = OTHERS.has(last) && /^[0-9a-fA-F-]+$/.test(value)
  return rule.anyName === true && (!isOther || isCalled(rule, last))
}

/** What the provider itself calls by such a name, as Telegram does an `api_hash`. */
function isCalled(rule: Rule, word: string): boolean {
  return rule.names?.some((name) => name.length > word.length && name.endsWith(word)) ?? false
}

/** Why what has the form of a rule's secret is none; undefined if it is one. */
export function vetoOf(rule: Rule, secret: string): Veto | undefined {
  if (isCiphertext(secret)) return "ciphertext"
  if (isWords(rule, secret)) return "words"
  if (secret.includes("EXAMPLE")) return "placeholder"
  if (!rule.lax) {
    const veto = vetoOfStandIn(rule, secret) ?? (isEmptyToken(secret) ? "empty-token" : undefined)
    if (veto !== undefined) return veto
  }
  if (entropy(secret) < (rule.entropy ?? 2.5)) return "entropy"
  return vetoOfCheck(rule, secret)
}

/** The check that a rule asks for, if a secret fails it. */
export function vetoOfCheck({ check }: Rule, secret: string): Veto | undefined {
  return check === undefined || checks[check](secret) ? undefined : check
}

/** What is random beyond doubt besides its runs and rows has them from its provider. */
const CERTAIN = 60

function vetoOfStandIn(rule: Rule, secret: string): Veto | undefined {
  // JSON in Base64 is a token, whatever it says of itself.
  const plain = secret.startsWith("eyJ") ? undefined : plainText(secret)
  const said = plain === undefined ? undefined : placeholderSign(plain)
  if (said !== undefined) return said
  const sign = placeholderSign(secret)
  const isFixed = rule.keywords !== undefined && !isForm(rule.id)
  if (!isFixed || (sign !== "run" && sign !== "row")) return sign
  // What the provider's checksum confirms has its rows by chance.
  if (hasChecksum(rule, secret)) return undefined
  const rest = withoutRows(secret)
  return isPlaceholder(rest) || randomBits(rest) < CERTAIN ? sign : undefined
}

function hasChecksum({ check }: Rule, secret: string): boolean {
  return check !== undefined && check in checksums && checks[check](secret)
}

/** The name of a variable of the environment. */
const VARIABLE = /^[A-Z]{2,20}(?:_[A-Z]{2,20}){1,8}$/
/** Words in a row, as files and classes are called. */
const WORDS = /(?:[a-z]{2,14}[-_]){2,20}[a-z]{0,14}/g

/** Whether it is a name made of words, behind a prefix of the provider's or not, with little else. */
function isWords(rule: Rule, secret: string): boolean {
  if (VARIABLE.test(secret)) return true
  const prefix = rule.keywords?.find((word) => secret.startsWith(word)) ?? ""
  const rest = secret.slice(prefix.length)
  const others = rest.replace(WORDS, (words) => (randomBits(words) < 4 ? "" : words))
  return others.length < rest.length / 2 && randomBits(others) < CERTAIN
}

const KNOWN = new Set(known.map(({ sha256 }) => sha256))
/** The lines of a key, or its numbers in a JSON Web Key; what stands for a line's end is none. */
const LINE = /[A-Za-z0-9+/_-]{22,2000}={0,2}/g
const LINES = 8

/**
 * Whether everybody may know a secret: of a standard's test vectors, of documentation. known.json
 * has the first 16 digits of the SHA-256 of each; of a private key, that of its first line, or in
 * a JSON Web Key that of its number. `printf '%s' VALUE | sha256sum` makes the next.
 */
export function isPublished(secret: string, kind: Kind): boolean {
  if (kind === "credential" || kind === "public") return isKnown(secret)
  const lines = secret.replaceAll("\\n", "\n").match(LINE) ?? []
  return lines.slice(0, LINES).some(isKnown)
}

function isKnown(text: string): boolean {
  return KNOWN.has(createHash("sha256").update(text).digest("hex").slice(0, 16))
}
