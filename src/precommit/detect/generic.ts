import type { Assignment } from "../named/assignment.js"
import { opensHost } from "./beside-host.js"
import {
  isEmptyToken,
  isFilledIn,
  isLogin,
  isNameOfSecret,
  plainText,
  vetoOfPassword,
} from "./checks.js"
import { isCiphertext, isEncryptedToken } from "./ciphertext.js"
import { isFormToken, isLiteral, isStored } from "./literals.js"
import type { Meaning } from "../named/naming.js"
import { isAppPassword, isPassphrase } from "./passphrase.js"
import { isPlaceholder, placeholderSign, standsForKey } from "./placeholder.js"
import { randomBits } from "./random.js"
import { APP_PASSWORD, GENERIC, PASSWORD } from "./rules.js"
import type { Rule } from "./rules.js"
import { isScrambled } from "./scrambled.js"
import type { Veto } from "./veto.js"

/** Names of things that point to a secret, or protect it, and hold none. */
const POINTER =
  /^(?:[a-z][a-z0-9+.-]{1,20}:\/\/|arn:|projects\/|file:|env:|vault:|op:|ssm:|secretsmanager:|data:|urn:|ssh-|ecdsa-|age1|ENC\[|NACL\[|\{cipher\}|\{(?:SSHA|SHA|MD5|CRYPT|BCRYPT)\}|(?:sha|md|SHA|MD)\d{1,3}[-:_]|pbkdf2|scrypt|argon2|bcrypt|MII[A-Za-z]|MFkwEwYHKoZI|MFYwEAYHKoZI|MHYwEAYHKoZI|MIGbMBAG|MCowBQYDK2V|AAAA[BC]3NzaC1|AAAAE2VjZHNh|AAAAI3NrLXNz|LS0tLS1CRUdJTiBDRVJU|LS0tLS1CRUdJTiBQVUJM|CN=|pk[._](?:live|test|ey)|phc_|sb_publishable_|eyJ[A-Za-z0-9]{10,}\.?$)/

/** The first character of most references, of paths and of what is filled in. */
const SIGN = /^[./~@&*!#%$<{[(]/

/** Numbers, versions, dates, addresses, mail, hosts, colours, and words joined by dots. */
const PLAIN =
  /^(?:[\d.,:+_eE/-]+|0x(?:[0-9a-fA-F]{1,16}|[0-9a-fA-F]{40})|v?\d{1,8}\.\d{1,8}(?!\w{16})[\w.+\\-]*|[\w.+-]+@[\w-]+(?:\.[a-z]{2,})+|(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|app|local|internal|cloud|co|svc|json|ya?ml|js|ts|py|rb|go|java|php|pem|key|txt|md|html|xml|env|sh|crt|cfg|conf)|\d{4}-\d\d-\d\d[T\d:.Z+-]*|#[0-9a-fA-F]{3,8}|[a-zA-Z_$]+(?:[.:]{1,2}[a-zA-Z_$]+)+)$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** What tests call their values. */
const TEST =
  /(?:^|[^a-z])(?:test|mock|stub|fixture|noop)(?:ing|s)?(?:[^a-z]|$)|^(?:my|some|the|a|any|new|old|bad|good|wrong|correct)[-_ ]?(?:secret|token|password|pass|key|api)|^my[-_][\w-]{1,30}[-_](?:key|token|secret|password)$/i

/** A token of a provider's test mode: random behind its prefix, and a credential all the same. */
const TEST_MODE = /^(?![rsp]k_)[a-z]{2,20}_test_(?=[A-Za-z0-9_-]{20,}$)/

/** What people write for the sake of a rule that asks for it, and not as code: `Tr0ub4dor`. */
const CHOSEN = /^(?=.*\d)(?!.*#0\d)(?:.*\d[A-Za-z]+\d|.*[!@#$%^&*?])[\w!@#$%^&*?~-]*$/

const LONGEST_PASSWORD = 128

/** The least bits for chance. A name is quoted, a bare word may be code. */
const LEAST = { quoted: 14, bare: 24, spaced: 30, sentence: 45, key: 45 }

/** A sign, and letters of both cases with numbers: what a rule for passwords asks for. */
const SIGNED = /^(?=.*\d.*\d)(?=.*[a-z])(?=.*[A-Z])[!#%][\w!#%^&~-]{9,40}$/

/** What a number given to a request, so that it is carried out once, is called before `token`. */
const ONCE = /^(?:request|client|change|action|update|operation|activity|creator|lifecycle)$/

/** What stands beside a key of no name of its own: `const key = …`. */
const BARE_NAME = /^(?:keys?\d?|const|let|var|val|final|static|string|def|the|a|my|new|is)$/

/** Names that say that nothing here is real. */
const UNREAL = /^(?:dummy|fake|faked|mock|mocked|bogus|invalid)$/

/** What stands between two texts of code, taken for a text: `"Password:"),t.create("code"`. */
const BETWEEN = /^\\?[),;+\]}].*[(,+=:[{]$/

/** An argument, an option or an assignment of its own: `path=key_path`, `Authentication=yes`, `a="b"`. */
const ARGUMENT = /^[A-Za-z_][\w.-]{0,60}=(?:[A-Za-z_.]+$|\\?["'])/

/** A text written in escapes, byte by byte. */
const ESCAPED = /^(?:\\x[0-9a-fA-F]{2}|\\[0nrtabfv]|[\x20-\x7e])*$/

/** The rule for values of such a name. */
export function generalRule(meaning: Meaning): Rule {
  return meaning === "password" ? PASSWORD : GENERIC
}

/**
 * The rule by which a named value is a finding although no provider's rule knows it, or what says
 * that it is none.
 */
export function genericRule(
  text: string,
  found: Assignment,
  meaning: Meaning,
  path?: string,
): Rule | Veto {
  const { value } = found
  // Of a bare `${NAME}` the sign alone was taken.
  if (value === "$") return "filled-in"
  if (value.length < 6 || value.length > 1024) return "length"
  // First what costs little: most values are words of code.
  const veto = meaning === "password" ? vetoOfWord(value) : vetoOfChance(found, meaning)
  if (veto !== undefined) return veto
  if (found.words.some((word) => UNREAL.test(word))) return "unreal"
  if (isLiteral(text, found)) return "literal"
  if (meaning === "secret" && isFormToken(text, found)) return "harmless-name"
  if (meaning === "key" && isStored(text, found)) return "stored"
  if (meaning === "password" && isScrambledPassword(text, found)) return PASSWORD
  if (isCode(found)) return "code"
  if (isCiphertext(value) || isEncryptedToken(value)) return "ciphertext"
  if (ARN.test(text.slice(Math.max(0, found.start - 140), found.start))) return "arn"
  if (meaning === "password" && isAppPassword(value)) return APP_PASSWORD
  if (meaning === "password" && isPassphrase(value) && isGiven(text, found)) return PASSWORD
  const shape = vetoOfShape(text, found, meaning)
  if (shape !== undefined) return shape
  if (meaning !== "password") return GENERIC
  if (UUID.test(value)) return isKeyed(found) ? GENERIC : "uuid"
  if (value.length > LONGEST_PASSWORD) return "length"
  const ofPassword = vetoOfPassword(value)
  if (ofPassword === undefined && isLikelyPassword(text, found)) return PASSWORD
  return opensHost(text, found, path) ? PASSWORD : (ofPassword ?? "weak")
}

/** Why a named value is written for something else than a secret. */
function vetoOfShape(text: string, found: Assignment, meaning: Meaning): Veto | undefined {
  const { value, quoted } = found
  if (/\s/.test(value)) return "sentence"
  if (PLAIN.test(value)) return "plain"
  if (isKeyId(found)) return "key-id"
  if (isReference(value) && !isSignedFirst(value, meaning)) return "reference"
  if (isFilledIn(value)) return "filled-in"
  const sign = placeholderSign(value)
  if (sign !== undefined) return sign
  if (TEST.test(value.replace(TEST_MODE, ""))) return "test"
  if (isNameOfSecret(value)) return "name"
  if (isEmptyToken(value)) return "empty-token"
  if (isHarmlessText(value)) return "said"
  if (isBytes(value)) return "bytes"
  // A bare word that goes on is a call, an index or a path of properties; an escape ends its line.
  const goesOn = /^(?:[([.{]|\\(?![nrt"]))/.test(text.slice(found.end, found.end + 2))
  return !quoted && goesOn ? "goes-on" : undefined
}

/** A word of a list that gives something to a name of its own: `security-token, Signature=…`. */
const OWN = /^[A-Za-z][\w-]{2,40}=[^=]/

/** A piece of code, taken for a text. */
function isCode({ value, quoted, by }: Assignment): boolean {
  if (!quoted && by === "," && OWN.test(value)) return true
  return ARGUMENT.test(value) || (quoted && BETWEEN.test(value))
}

/** A password of all that a keyboard has, in which signs are no signs of references. */
function isScrambledPassword(text: string, found: Assignment): boolean {
  const { value, quoted } = found
  return (
    (quoted || isSet(text, found)) &&
    isScrambled(value) &&
    !/\s/.test(value) &&
    !POINTER.test(value) &&
    !standsForKey(value)
  )
}

/** A word of code, as it is given to what is named after a password. */
function vetoOfWord(value: string): Veto | undefined {
  return /^[A-Za-z_$]{1,12}$/.test(value) && randomBits(value) <= 20 ? "word" : undefined
}

/** Why a person would write this value not only as a secret. */
function vetoOfChance(found: Assignment, meaning: "secret" | "key" | "none"): Veto | undefined {
  const { value, quoted } = found
  if (UUID.test(value)) return meaning !== "key" && isKeyed(found) ? undefined : "uuid"
  if (/^[0-9a-f]{32}$/.test(value) && isOnce(found)) return "once"
  // A key without a word for what it opens is as often a key of a map, and digests are those.
  if (meaning === "key" && /^[0-9a-fA-F]+$/.test(value) && !isSetting(found)) return "digest"
  if (meaning === "secret" && quoted && isMadeUp(value)) return undefined
  const bits = randomBits(value)
  const isRandom = value.length >= 10 && isMixed(value, bits) && bits >= leastBits(found, meaning)
  return isRandom ? undefined : "chance"
}

function isReference(value: string): boolean {
  return SIGN.test(value) || POINTER.test(value)
}

/** Who signs with a key of OpenPGP, or what is done with one. */
const SIGNER = /^(?:gpg|pgp|openpgp|recv|keyserver|release|manager|signing|signer|maintainer)$/

/** What OpenPGP calls a key by: its fingerprint. */
function isKeyId({ value, words }: Assignment): boolean {
  return /^(?:0x)?[0-9A-F]{40}$/.test(value) && words.some((word) => SIGNER.test(word))
}

/** A key that has a name of its own, `acme_key = …`, or that is all that a call is given. */
function isSetting({ by, value, words }: Assignment): boolean {
  if (by === "(") return true
  if (by === "sentence" || value.length < 32 || value.length > 128) return false
  return words.some((word) => !BARE_NAME.test(word))
}

/** A secret may begin with the sign of a reference; it is random then, and goes on with more. */
function isSignedFirst(value: string, meaning: Meaning): boolean {
  if (/^\/[A-Za-z0-9+/]{23,}={0,2}$/.test(value)) return randomBits(value) > 60
  if (meaning === "password" && SIGNED.test(value)) return true
  const isPlain = /^[@&*!#%][^/{}()[\]]*\d[^/{}()[\]]*$/.test(value)
  return meaning === "password" && isPlain && randomBits(value) > 20
}

/** Base64 of a login that opens nothing, or of words. */
function isHarmlessText(value: string): boolean {
  const text = plainText(value)?.trimEnd()
  if (text === undefined) return false
  const at = text.indexOf(":")
  if (at >= 0) return !isLogin(text.slice(0, at), text.slice(at + 1))
  return isPlaceholder(text) || /^[A-Za-z]{2,12}(?:[ _-][A-Za-z]{2,12})+$/.test(text)
}

/** What is before a part of an address in Amazon's cloud. */
const ARN = /\barn:aws[\w:./-]{0,120}$/

/** Whether it is written out as a value, not a word of code or of a sentence. */
function isGiven(text: string, found: Assignment): boolean {
  return found.quoted || found.by === " " || isSet(text, found) || /[<>]/.test(found.by)
}

/** Bytes in base 16, a sign between each two: `00:01:02`. */
const PARTED = /^[0-9a-fA-F]{2}(?:[: -][0-9a-fA-F]{2}){5,255}$/

/** Bytes in escapes that are too few for a key, or that only spell a word; bytes that count. */
function isBytes(value: string): boolean {
  if (PARTED.test(value)) {
    const bytes = Buffer.from(value.replace(/[: -]/g, ""), "hex")
    return isPlaceholder(bytes.toString("latin1"))
  }
  if (!value.includes("\\x") || !ESCAPED.test(value)) return false
  const escapes = value.match(/\\x[0-9a-fA-F]{2}/g) ?? []
  const count = value.replace(/\\x[0-9a-fA-F]{2}|\\./g, "_").length
  const bytes = escapes.map((each) => String.fromCharCode(parseInt(each.slice(2), 16)))
  if (isPlaceholder(bytes.join(""))) return true
  return count < 16 || (2 * escapes.length > count && escapes.every((each) => /x[2-7]/.test(each)))
}

function leastBits({ quoted, by }: Assignment, meaning: Meaning): number {
  if (meaning === "key") return by === "sentence" ? Infinity : LEAST.key
  if (by === "sentence") return LEAST.sentence
  // A list of arguments, a row of a table, a word after a word.
  if (by === "," || by === "|" || by === "(" || by === " ") return LEAST.spaced
  return quoted ? LEAST.quoted : LEAST.bare
}

/** Whether it is the number of a request, in one form of a UUID or the other. */
function isOnce({ words }: Assignment): boolean {
  return words.at(-1) === "token" && ONCE.test(words.at(-2) ?? "")
}

/** The words of a name; of one of many, `const TOKEN_1`, those that all of them share. */
function withoutNumber(words: readonly string[]): readonly string[] {
  if (!/^\d+$/.test(words.at(-1) ?? "")) return words
  return words.slice(0, -1).filter((word) => !BARE_NAME.test(word))
}

/** Names under which even a UUID is a credential: they say whose secret it is. */
function isKeyed(found: Assignment): boolean {
  if (isOnce(found)) return false
  const words = withoutNumber(found.words)
  return (
    words.length > 1 ||
    /^(?:apikey|credential|secret|password|authtoken|authorization)$/.test(words.join(""))
  )
}

/** Digits among letters, or letters in an order that no word has. */
function isMixed(value: string, bits: number): boolean {
  return (/\d/.test(value) && /[a-zA-Z]/.test(value)) || bits > 40
}

/** Whether a line of a configuration gives nothing but this value: `DB_PASS=…`, `pass: …`. */
function isSet(text: string, { start, end, by }: Assignment): boolean {
  const before = text.slice(Math.max(0, start - 80), start)
  const next = text.charAt(end)
  return (
    /(?:^|[\n;"' ])[\w.-]{1,64}(?:=|: )$/.test(before) &&
    (/^[\r\n"']?$/.test(next) || (by === "=" && next === ";"))
  )
}

/** A key that a person made up as if it were a password: `R1ver-…!2022`. */
function isMadeUp(value: string): boolean {
  return CHOSEN.test(value) && /[!@#$%^&]/.test(value) && /[a-z]/.test(value) && /[A-Z]/.test(value)
}

/** A password that a person chose has less chance in it, but digits or signs between letters. */
function isLikelyPassword(text: string, found: Assignment): boolean {
  const { value, quoted, by } = found
  const bits = randomBits(value)
  // Words of any language, and identifiers.
  if (/^[\p{L}_$][\p{L}\w$]*$/u.test(value) && !/\d/.test(value)) return bits > (quoted ? 20 : 30)
  if (/^[\w]+(?:[._/:-][\w]*)+$/.test(value) && !/\d/.test(value)) return false
  if (/^[\p{L}-]+[!?.…]?$/u.test(value)) return bits > 25
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^\w]/].filter((kind) => kind.test(value)).length
  if (classes < 2) return false
  if (by === "sentence") return bits > LEAST.sentence
  const isStrong = classes >= 3 && value.length >= 8
  if (by === " ") return bits > 20 || (isStrong && (quoted || bits > 8 || CHOSEN.test(value)))
  if (by === "," || by === "|" || by === "(") return bits > 20
  if (quoted || (isSet(text, found) && /^[^/]*\d\d[^/]*$/.test(value))) return bits > 2 || isStrong
  return bits > 8 || (isStrong && CHOSEN.test(value))
}
