import type { Assignment } from "../named/assignment.js"
import { meaningOf, wordsOf } from "../named/naming.js"
import { randomBits } from "./random.js"

// What stands where a secret would stand, and is no text that opens anything: each a whole shape.

/** A number as code writes it: with its base, its type, or a cast behind it. */
const NUMBER =
  /^[-+]?(?:0[xX][0-9a-fA-F_]{1,18}|0[bB][01_]{1,64}|\d[\d_]{0,20}(?:\.\d{1,18})?)(?:_?(?:[iu](?:8|16|32|64|128|size)|f32|f64)|[uUlLfFdDnN]{1,3})?$/

/** A name of an encoding, a digest or a cipher. */
const ENCODING =
  /^(?:utf[-_]?(?:7|8|16|32)(?:[-_]?(?:le|be|sig|bom))?|iso[-_]?8859[-_]\d{1,2}|latin[-_]?\d|(?:cp|windows[-_]?|ibm)\d{3,4}|(?:us[-_])?ascii\d?|euc[-_]\w{2}|shift[-_]?jis|big5|gb(?:2312|18030)|koi8[-_][ru]|base(?:16|32|58|62|64|85)(?:[-_]?url)?|(?:hmac[-_]?)?sha[-_]?\d{1,3}(?:[-_/]\d{3})?|md[245]|(?:aes|des|rc|camellia|chacha)[-_]?\d{1,3}(?:[-_](?:cbc|gcm|ctr|ecb|ccm|poly1305)){0,2}|[HREP]S\d{3}|A\d{3}(?:GCM|KW|CBC)(?:-?[HK]\w{1,5})?|PBKDF2With\w{4,30}|x?25519|ed(?:25519|448)|p-?(?:256|384|521))$/i

/** A path of Windows, from a drive, a share or a variable on. */
const WINDOWS_PATH =
  /^(?:[A-Za-z]:|\\{2,4}[\w.$-]{1,60}|%\w{2,30}%)(?:[\\/]{1,4}[\w .$%()~-]{0,80}){1,20}$/

/** The name of a class or a function with its namespace before it: `::ixNet::OK`. */
const QUALIFIED = /^(?:::)?[A-Za-z_]\w{0,60}(?:::[A-Za-z_]\w{0,60}){1,8}$/

/** A number that Windows gives a thing: in braces, or behind words in capitals. */
const GUID =
  /^(?:[A-Z]{2,20}_){0,8}(?:_[A-Z]{2,10}_)?\{?[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\}?$/

/** Where a thing lies in a store: folders, and a name with an ending. */
const STORED = /^[a-z][a-z_-]{2,30}\/(?:[\w.@-]{1,64}\/){0,12}[\w .%@()+-]{1,160}$/

/** What the cache of a CI is called by: words, a system, a digest. */
const CACHED = /^[A-Za-z][a-z0-9]{0,20}(?:[-_][A-Za-z0-9.]{1,20}){0,8}[-_][0-9a-f]{6,64}-?$/

/** A public key of a wallet, behind its prefix. */
const EXTENDED_PUBLIC = /^[xyztuv]pub[1-9A-HJ-NP-Za-km-z]{100,112}$/

const SHAPES = [ENCODING, QUALIFIED, EXTENDED_PUBLIC]

/** Whether a value is a number, a variable, a path or a name of something that code knows. */
export function isLiteral(text: string, found: Assignment): boolean {
  const { value, quoted } = found
  if (!quoted && (NUMBER.test(value) || isVariable(text, found))) return true
  if (WINDOWS_PATH.test(value) && randomBits(value) < 30) return true
  if (isNumbered(value) || isOwnName(found)) return true
  return SHAPES.some((shape) => shape.test(value))
}

/** A GUID that says by its braces or the words before it that it is one. */
function isNumbered(value: string): boolean {
  return /^[{A-Z_]/.test(value) && /[{_]/.test(value) && GUID.test(value)
}

/** Names of AppRoles: with one beside it, an id is no row's. */
const ROLE = /role_?id|approle|vault/i
/** How far around a row others of its table stand, and how many they are at least. */
const TABLE = 1200
const ROWS = 4

/** Whether a GUID is the id of a row, as `secret_id` is where each row of a table has one. */
export function isRowId(text: string, { words, value, start }: Assignment): boolean {
  if (words.at(-1) !== "id" || !GUID.test(value)) return false
  const near = text.slice(Math.max(0, start - TABLE), start + TABLE)
  if (ROLE.test(near)) return false
  const rows = new RegExp(`${words.join("[_-]?")}\\W{1,8}([0-9a-f-]{36})`, "gi")
  return new Set(Array.from(near.matchAll(rows), ([, id]) => id)).size >= ROWS
}

/** The field of a form of Laravel's or Symfony's that proves that the form is from this site. */
const FORM_FIELD =
  /<input\b[^<>]{0,200}\sname[ ]?=[ ]?["']?_token["']?\s[^<>]{0,200}\bvalue[ ]?=[ ]?["']?$/i

/** Whether a value is in a form's field that protects the form: it opens nothing by itself. */
export function isFormToken(text: string, { words, start }: Assignment): boolean {
  return words.join() === "token" && FORM_FIELD.test(text.slice(Math.max(0, start - 500), start))
}

/** What a cache of a CI holds, for what, and of which version: of these words its key is made. */
const OF_CACHE =
  /^(?:v?\d{1,3}(?:\.(?:\d{1,3}|x)){0,3}|deps?|dependencies|packages?|modules|vendor|lock|build|dist|docker|linux|ubuntu|debian|alpine|macos|darwin|windows|arm64|aarch64|amd64|x64|x86|node|nodejs|npm|yarn|pnpm|bun|deno|python|pip|pipenv|poetry|uv|venv|conda|ruby|gems?|bundle|bundler|go|gomod|golang|cargo|rust|java|jdk|gradle|maven|m2|sbt|composer|php|nuget|dotnet|swift|pods|cocoapods|flutter|terraform|eslint|jest|cypress|playwright|turbo|nx|ccache|sccache|bazel)$/

/** Whether words that only a cache's key is made of stand before a digest: `v1-deps-linux-…`. */
function isKeyOfCache(value: string): boolean {
  const words = value.replace(/-$/, "").split(/[-_]/).slice(0, -1)
  const isNamed = words.length > 1 && words.some((word) => !/^v?\d/.test(word))
  return isNamed && words.every((word) => OF_CACHE.test(word.toLowerCase()))
}

/** Whether what is called a key is the name of a file in a store, or of what a cache keeps. */
export function isStored(text: string, { value, start }: Assignment): boolean {
  if (STORED.test(value)) return true
  if (CACHED.test(value) && isKeyOfCache(value)) return true
  return CACHED.test(value) && /cache/i.test(text.slice(Math.max(0, start - 200), start))
}

/** The value is the name itself: `"p4passwd": "p4passwd"`, `self.p4passwd = p4passwd`. */
function isOwnName({ words, value }: Assignment): boolean {
  if (!/^[A-Za-z_$][\w.$-]{3,63}$/.test(value)) return false
  const own = wordsOf(value).join("")
  return own.length >= 6 && words.join("").endsWith(own)
}

/** A variable that is named after a secret, where code goes on after it. */
function isVariable(text: string, { value, start, end }: Assignment): boolean {
  if (!/^[A-Za-z_$][\w$]*$/.test(value) || meaningOf(wordsOf(value)) === "none") return false
  const isAssigned = /[\w\])"'][ \t]{1,4}(?::=|=)[ \t]{1,4}$/.test(text.slice(start - 12, start))
  const isArgument = /^[ \t]?[,;)]/.test(text.slice(end, end + 2))
  return (isAssigned || isArgument) && randomBits(value) < 20
}
