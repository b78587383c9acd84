import { inNumbers, inSigns } from "./entities.js"
import { escapesOf, inAscii, percentEncodingsOf } from "./escapes.js"
import { pemBytes } from "./pem.js"

/** A sequence of bytes that gives a value away. */
export interface Form {
  readonly bytes: Buffer
  /** Whether programs break it into lines: then it is looked for across their ends too. */
  readonly wraps: boolean
}

/** What is shorter occurs everywhere by chance: neither values nor forms of them are looked for. */
export const SHORTEST = 6
/** A longer value is not looked for in every form: each would take as much memory again. */
const ALL_FORMS = 64 * 1024
/** A line of a value counts as a secret if it has so many bytes, and so many distinct ones. */
const TELLING_LINE = 16
const TELLING_BYTES = 8
/** What limits the memory that a value of millions of lines takes. */
const MOST_LINES = 50_000
/** So many digits identify a form without its beginning: 36 bits of base64, 48 of hex. */
const TELLING_BASE64 = SHORTEST
const TELLING_HEX = 12

const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const SPACE = 32

/**
 * Every form in which a value is looked for, each once; none for a value under 6 bytes. No form
 * begins with a line end, so that the last line end of an output is never held back.
 */
export function formsOf(value: Uint8Array): Form[] {
  const forms = formsAsStored(value)
  const others = forms.length === 0 ? [] : withOtherLineEnds(trimmed(Buffer.from(value)))
  return others.length === 0 ? forms : distinct([...forms, ...inOnePiece(others)])
}

/** The same, but for those whose lines end in another way: on a screen the line ends stay. */
export function formsAsStored(value: Uint8Array): Form[] {
  const whole = trimmed(Buffer.from(value))
  if (whole.length < SHORTEST) return []
  const untrimmed = Buffer.from(value)
  const ended = Buffer.concat([whole, Buffer.of(LINE_FEED)])
  return distinct([
    ...inOnePiece([
      whole,
      ...inOtherCase(whole),
      ...escaped(whole),
      ...(isSmall(whole) ? hex(whole).map(spaced) : []),
      ...tellingLines(whole).flatMap(asText),
    ]),
    ...inLines([
      ...aligned(whole).flatMap((digits) => withoutBeginning(digits, TELLING_BASE64)),
      ...[whole, untrimmed, ended].filter(isSmall).flatMap(entire),
      ...hex(whole).flatMap((digits) => withoutBeginning(digits, TELLING_HEX)),
      ...keysIn(whole).flatMap(keyForms),
    ]),
  ])
}

/** Whether a value is not looked for, since it has under 6 bytes. */
export function isTooShort(value: Uint8Array): boolean {
  return trimmed(Buffer.from(value)).length < SHORTEST
}

function trimmed(bytes: Buffer): Buffer {
  let start = 0
  let end = bytes.length
  while (start < end && isBlank(bytes[start])) start += 1
  while (end > start && isBlank(bytes[end - 1])) end -= 1
  return bytes.subarray(start, end)
}

function isBlank(byte: number | undefined): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === SPACE
}

/** The same lines, as they are told by who reads or writes them in another way. */
function withOtherLineEnds(value: Buffer): Buffer[] {
  if (!isSmall(value)) return []
  const text = value.toString("latin1")
  return ["\n", "\r\n"].flatMap((end) => {
    const other = text.replaceAll(/\r\n|\r|\n/g, end)
    return other === text ? [] : Buffer.from(other, "latin1")
  })
}

function isSmall({ length }: Buffer): boolean {
  return length <= ALL_FORMS
}

/**
 * The lines that are worth something by themselves; none of a value that is one line. An escaped
 * line end counts too: the key in a JSON file of a cloud's service account is printed with real
 * ones.
 */
function tellingLines(value: Buffer): Buffer[] {
  return value
    .toString("latin1")
    .split(/[\r\n]+|\\r\\n|\\n/)
    .map((line) => trimmed(Buffer.from(line, "latin1")))
    .filter((line) => line.length < value.length && isTelling(line))
    .slice(0, MOST_LINES)
}

function isTelling(line: Buffer): boolean {
  if (line.length < TELLING_LINE || new Set(line).size < TELLING_BYTES) return false
  return !/^-----(BEGIN|END) .*-----$/.test(line.toString("latin1"))
}

/** A line as it stands and, if it is text, as text is escaped. */
function asText(line: Buffer): Buffer[] {
  return [line, ...textEscapes(line)]
}

function escaped(value: Buffer): Buffer[] {
  if (!isSmall(value)) return []
  const byByte = [
    ...percentEncodingsOf(value),
    ...(isText(value) ? inEntities(value.toString()) : inAscii(value)),
  ]
  return [...textEscapes(value), ...byByte.map((text) => Buffer.from(text))]
}

function inEntities(text: string): string[] {
  return [...inNumbers(text), ...inSigns(text)]
}

function textEscapes(value: Buffer): Buffer[] {
  if (!isSmall(value) || !isText(value)) return []
  const text = value.toString()
  // Most values are of these alone, and stand for themselves wherever they stand.
  if (/^[\w.~:@%-]*$/.test(text)) return []
  return [...escapesOf(text), ...inAscii(value)].map((form) => Buffer.from(form))
}

function isText(value: Buffer): boolean {
  return Buffer.from(value.toString()).equals(value)
}

/**
 * What means the same in upper and in lower case: hex digits, a UUID, a fingerprint, and base32, which
 * is told by its length and its digits.
 */
function inOtherCase(value: Buffer): Buffer[] {
  if (!isSmall(value)) return []
  const text = value.toString("latin1")
  const isHex = /^(?:0x)?[0-9a-f]+(?:[-:][0-9a-f]+)*$/i.test(text)
  const isBase32 = /^(?=.*[2-7])[a-z2-7]{16,}=*$/i.test(text)
  if (!isHex && !isBase32) return []
  return [text.toLowerCase(), text.toUpperCase(), text.toUpperCase().replace(/^0X/, "0x")].map(
    (form) => Buffer.from(form, "latin1"),
  )
}

/** A key's bytes as base64 in lines of any width, as base64url, and as hex. */
function keyForms(key: Buffer): Buffer[] {
  return [...entire(key).flatMap((digits) => withoutBeginning(digits, TELLING_BASE64)), ...hex(key)]
}

/** The keys in a value's PEM blocks, without their armor. */
function keysIn(value: Buffer): Buffer[] {
  return isSmall(value) ? pemBytes(value).filter(({ length }) => length >= TELLING_LINE) : []
}

/**
 * Base64 of anything that the value stands in: for each of the three places in which it can begin
 * among groups of three bytes, the digits that depend on the value alone. RFC 4648, sections 4, 5.
 */
function aligned(value: Buffer): Buffer[] {
  return [0, 1, 2].flatMap((before) => {
    const first = Math.ceil((before * 8) / 6)
    const end = Math.floor(((before + value.length) * 8) / 6)
    const digits = Buffer.concat([Buffer.alloc(before), value]).toString("base64")
    return bothAlphabets(digits.slice(first, end))
  })
}

/** Base64 of the value alone, to its last digit, with padding and without. */
function entire(value: Buffer): Buffer[] {
  const digits = value.toString("base64")
  return [digits, digits.replace(/=+$/, "")].flatMap(bothAlphabets)
}

function bothAlphabets(digits: string): Buffer[] {
  const safe = digits.replaceAll("+", "-").replaceAll("/", "_")
  return [...new Set([digits, safe])].map((text) => Buffer.from(text))
}

function hex(value: Buffer): Buffer[] {
  const digits = value.toString("hex")
  return [digits, ...(isSmall(value) ? [digits.toUpperCase()] : [])].map((text) =>
    Buffer.from(text),
  )
}

/** With a space between two bytes, as S3 shows what it expected to be signed. */
function spaced(digits: Buffer): Buffer {
  return Buffer.from(digits.toString("latin1").replaceAll(/..\B/g, "$& "))
}

/**
 * A line end is looked for after the first 6 digits only. Where a line holds fewer of them, the
 * rest stands on the next line, and is a form of its own.
 */
function withoutBeginning(digits: Buffer, telling: number): Buffer[] {
  if (!isSmall(digits)) return [digits]
  const rests = Array.from({ length: SHORTEST }, (_, left) => digits.subarray(left))
  return rests.filter((rest, left) => left === 0 || rest.length >= telling)
}

function inOnePiece(forms: readonly Buffer[]): Form[] {
  return forms.map((bytes) => ({ bytes, wraps: false }))
}

function inLines(forms: readonly Buffer[]): Form[] {
  return forms.map((bytes) => ({ bytes, wraps: true }))
}

/** Each once; what may be broken into lines is found in one piece as well. */
function distinct(forms: readonly Form[]): Form[] {
  const byContent = new Map<string, Form>()
  for (const form of forms) {
    const key = form.bytes.toString("latin1")
    if (form.bytes.length < SHORTEST) continue
    if (form.wraps || !byContent.has(key)) byContent.set(key, form)
  }
  return [...byContent.values()]
}
