import { inMarkup } from "./entities.js"

/**
 * A text as JSON, shells, languages and tables write it inside of quotes, without the quotes, and in
 * markup. Most of them are equal for a text without special characters.
 */
export function escapesOf(text: string): string[] {
  return [
    ...inJson(text),
    ...inShell(text),
    ...inLanguages(text),
    ...doubled(text),
    ...inMarkup(text),
  ]
}

/**
 * Bytes as URLs and forms write them: what stands for itself differs, and so does the case of the
 * hex digits.
 */
export function percentEncodingsOf(bytes: Uint8Array): string[] {
  const everywhere = percentEncoded(bytes, "", false)
  const strict = percentEncoded(bytes, UNRESERVED)
  const encodings = [everywhere, strict]
  if (strict.includes("%")) {
    encodings.push(
      strict.replaceAll("%20", "+"),
      percentEncoded(bytes, `${UNRESERVED}/`),
      percentEncoded(bytes, COMPONENT),
      percentEncoded(bytes, `${COMPONENT};/?:@&=+$,#`),
      percentEncoded(bytes, CREDENTIALS),
    )
  }
  encodings.push(percentEncoded(bytes, FORM).replaceAll("%20", "+"))
  return encodings.flatMap((text) => [text, text.replace(/%../g, (code) => code.toLowerCase())])
}

/** RFC 3986, section 2.3: what never needs an escape, letters and digits aside. */
const UNRESERVED = "-._~"
/** What encodeURIComponent leaves alone. */
const COMPONENT = "-._~!*'()"
/** What the URL standard leaves alone in the name and the password of an address. */
const CREDENTIALS = "-._~!$&'()*+,%"
/** What it leaves alone in a form. */
const FORM = "-._*"

function percentEncoded(bytes: Uint8Array, safe: string, alphanumeric = true): string {
  let text = ""
  for (const byte of bytes) {
    const char = String.fromCharCode(byte)
    const stays = safe.includes(char) || (alphanumeric && /[A-Za-z0-9]/.test(char))
    text += stays ? char : `%${hex(byte, 2).toUpperCase()}`
  }
  return text
}

/** JSON of JavaScript, Python, PHP, Java, Go and .NET, and JSON in a string of JSON. */
function inJson(text: string): string[] {
  const json = jsonEscaped(text)
  const ascii = inUnicode(json, /[^ -~]/g)
  const go = inUnicode(json, /[<>&\u2028\u2029]/g)
  const net = inUnicode(ascii.replaceAll('\\"', "\\u0022"), /[<>&'+`]/g)
  const plain = [json, ascii, upperCase(json), upperCase(ascii)]
  return [
    ...plain,
    ...plain.map((escaped) => escaped.replaceAll("/", "\\/")),
    go,
    upperCase(net),
    ...[json, ascii, go].map(jsonEscaped),
  ]
}

function jsonEscaped(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

function inUnicode(json: string, which: RegExp): string {
  return json.replace(which, (char) => `\\u${hex(char.charCodeAt(0), 4)}`)
}

/** With upper-case hex digits in what is escaped; a backslash that is escaped itself begins none. */
function upperCase(json: string): string {
  return json.replace(/\\(?:u[0-9a-f]{4}|.)/g, (escape) =>
    escape.length === 2 ? escape : `\\u${escape.slice(2).toUpperCase()}`,
  )
}

/** Between single quotes, between double quotes, in `$'…'`, and without quotes. */
function inShell(text: string): string[] {
  const ansi = text.replace(/[\p{Cc}\\']/gu, (char) => BASH[char] ?? octal(char))
  const ascii = Buffer.from(ansi)
    .toString("latin1")
    .replace(/[^ -~]/g, octal)
  return [
    text.replaceAll("'", String.raw`'\''`),
    text.replaceAll("'", `'"'"'`),
    text.replace(/[$`"\\]/g, "\\$&"),
    text.replace(/[ '"\\|&;()<>!{}*[\]?^$`,]|(?<=[=:])~/g, "\\$&"),
    ansi,
    ascii,
  ]
}

/** The escapes of bash, in `$'…'`. */
const BASH: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\u001B": "\\E",
  "\\": "\\\\",
  "'": "\\'",
}

/** As SQL and YAML write it between single quotes, and CSV between double ones. */
function doubled(text: string): string[] {
  return [text.replaceAll("'", "''"), text.replaceAll('"', '""')]
}

/** What Python's `repr` and Node's `console.log` of an object show, and fish in single quotes. */
function inLanguages(text: string): string[] {
  const python = text.replace(/(?! )[\p{C}\p{Z}\\]/gu, numberEscape)
  const node = text.replace(
    /[\p{Cc}\\]/gu,
    (char) => SHORT[char] ?? NODE[char] ?? `\\x${hex(char.charCodeAt(0), 2).toUpperCase()}`,
  )
  return [python, node].flatMap((shown) => [shown, shown.replaceAll("'", "\\'")])
}

const SHORT: Readonly<Record<string, string>> = {
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  "\\": "\\\\",
}
/**
 * What Python shows of bytes, and of a text in ASCII (`repr`, `ascii`): everything beyond ASCII by
 * its number. Where both kinds of quotes occur, the single ones are escaped; Rust escapes both.
 */
export function inAscii(bytes: Buffer): string[] {
  const text = bytes.toString()
  const isText = Buffer.from(text).equals(bytes)
  const raw = bytes.toString("latin1").replace(NOT_SHOWN, numberEscape)
  const shown = isText ? [raw, text.replace(NOT_SHOWN, numberEscape)] : [raw]
  return shown.flatMap((each) => [each, each.replaceAll("'", "\\'"), each.replace(/['"]/g, "\\$&")])
}

const NOT_SHOWN = /[^ -[\]-~]/gu

/** What Python does not print as it is. */
function numberEscape(char: string): string {
  const short = SHORT[char]
  if (short !== undefined) return short
  const code = char.codePointAt(0) ?? 0
  if (code < 0x100) return `\\x${hex(code, 2)}`
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`
}

const NODE: Readonly<Record<string, string>> = { "\b": "\\b", "\f": "\\f" }

function hex(unit: number, digits: number): string {
  return unit.toString(16).padStart(digits, "0")
}

function octal(char: string): string {
  return `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`
}
