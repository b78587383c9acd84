import { crc32 } from "../encoded/checksum.js"

/** Words that people put in place of a key, so that readers see that none is there. */
const WORDS =
  /example|sample|dummy|fake|placeholder|change.?me|changeit|redacted|removed|masked|hidden|your[-_ ]?|(?:key|token|secret|password)[-_ ]?here|insert|replace|\*{3}|\.{3}|…|todo|fixme|lorem|ipsum|correct.?horse|deadbeef|cafebabe|badc0de|c0ffee|foobar|foo[-_]?bar|qwerty|asdf|not[-_ ]?(?:an?[-_ ]?|my[-_ ]?)?(?:real|valid|secret)|invalid|undefined|null\b|^550e8400-e29b-41d4-|^123e4567-e89b-12d3-|^f81d4fae-7dec-11d0-/i

/** Crosses in place of characters. A run that mixes upper and lower case is random instead. */
const CROSSES = /xxxx|XXXX|xxx[-_]xx|XXX[-_]XX/

/** Runs of one character, which chance does not write. */
const RUN = /(.)\1{6}/

/**
 * Keys that everybody knows, by their CRC-32, for what it printed must not stand here: the account
 * keys of the emulators of Azure's storage and of Cosmos DB, the first two of Hardhat's accounts,
 * keys in Google's documentation, and those in the RFCs 5849, 6749, 6750, 7009 and 7520 and in the tutorials of FastAPI, Flask and Cargo,
 * which thousands of projects repeat.
 */
const KNOWN = new Set([
  0xb4cbd586, 0x87707360, 0x3627aa84, 0x94bb94f9, 0xffddd189, 0x6159ac90, 0x6a4f7820, 0xfbc47221,
  0x08394327, 0xafe8ff3e, 0x6b66e8a8, 0x5c298136, 0x1f358cbe, 0x6b9463f8, 0x202f468f, 0x3c5d7fda,
  0x9e49269d, 0x2bdd531a, 0xb6e61e46, 0x0fc657b9, 0x4f042581, 0xe0318833, 0x494bda51, 0x1bbf5538,
  0x22864cae, 0x5a42aa30, 0xc3f0aa47, 0x0f945a27, 0x25cb1226, 0xd43b7b44, 0x779eb5f1, 0xa8b108b3,
  0x6af2cb86, 0xc31c70d7, 0x02d12047, 0x146e0aa1, 0x0d7f1a39, 0x0ba181f7, 0xe69f38e9, 0x58adc005,
  0xb31a6a62, 0xb95773b5, 0xbd0ca09b, 0x37f7c4e6, 0x70de103d, 0xfa257440, 0xf7c6d9e7, 0x3abd9b53,
  0x1ea213f1, 0x48bc4d4f,
])

/** What shows that a text stands for a key: angle brackets, words or crosses, a piece again and again, fame, a run, a row. */
export type PlaceholderSign = "brackets" | "placeholder" | "repeated" | "well-known" | "run" | "row"

/** What shows that a text stands for a key without being one; undefined if nothing does. */
export function placeholderSign(text: string): PlaceholderSign | undefined {
  return /[<>]/.test(text) ? "brackets" : signOfPlaceholder(text)
}

/** Whether a text stands for a key without being one. */
export function isPlaceholder(text: string): boolean {
  return placeholderSign(text) !== undefined
}

/** As that, of a text in which an angle bracket is a character like others. */
export function standsForKey(text: string): boolean {
  return signOfPlaceholder(text) !== undefined
}

function signOfPlaceholder(text: string): PlaceholderSign | undefined {
  if (WORDS.test(text) || CROSSES.test(text)) return "placeholder"
  if (isPeriodic(text)) return "repeated"
  if (isKnown(text)) return "well-known"
  if (RUN.test(text)) return "run"
  return isSequence(text) ? "row" : undefined
}

/** What is left of a text without its runs of one character, and rows such as `12345678`. */
export function withoutRows(text: string): string {
  return text.replace(/(.)\1{6,}/g, "").replace(/\d{5,}/g, (row) => (isSequence(row) ? "" : row))
}

function isKnown(text: string): boolean {
  return KNOWN.has(crc32(text))
}

/** `abcdef`, `123456`, `987654`: six in a row, up or down. */
function isSequence(text: string): boolean {
  let up = 1
  let down = 1
  for (let at = 1; at < text.length; at += 1) {
    const step = text.charCodeAt(at) - text.charCodeAt(at - 1)
    // Keyboards and people count 0 after 9.
    const around = text[at - 1] === "9" && text[at] === "0"
    up = step === 1 || around ? up + 1 : 1
    down = step === -1 ? down + 1 : 1
    if (up === 6 || down === 6) return true
  }
  return false
}

/** The same few characters again and again, or very few different ones. */
function isPeriodic(whole: string): boolean {
  const text = whole.slice(0, 96)
  if (text.length < 8) return false
  if (text.length >= 12 && hasFew(text)) return true
  for (let period = 1; period <= text.length / 3; period += 1) {
    if (repeats(text, period)) return true
  }
  return false
}

/** At most four different characters. */
function hasFew(text: string): boolean {
  const seen: number[] = []
  for (let at = 0; at < text.length && seen.length <= 4; at += 1) {
    if (!seen.includes(text.charCodeAt(at))) seen.push(text.charCodeAt(at))
  }
  return seen.length <= 4
}

function repeats(text: string, period: number): boolean {
  let others = 0.15 * (text.length - period)
  for (let at = period; at < text.length && others >= 0; at += 1) {
    if (text.charCodeAt(at) !== text.charCodeAt(at - period)) others -= 1
  }
  return others >= 0
}
