import { createHash } from "node:crypto"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import { type Alphabet, alphabetOf, endOfStretch } from "./stretch.js"

/** The words of a wallet's key (BIP-39), and where they stand in a text. */
interface SeedPhrase {
  /** With one blank between each two, however they stand there. */
  readonly words: string
  readonly start: number
  readonly end: number
}

interface ListedWord {
  readonly text: string
  readonly start: number
  /** Its place in the list of words. */
  readonly index: number
  /** What parts it from the word before. */
  readonly parted: Parting
}

/** By a blank; by a line's end, in quotes or not; or as one item of a list from the next. */
type Parting = "word" | "line" | "item"

/** How many words a phrase may have. */
const SIZES = new Set([12, 15, 18, 21, 24])
const FEWEST = 12
/** A line of so many words may be a title. */
const FEW = 3
/**
 * Where so many words in a row are as long as those of the list, with nothing between them but what
 * parts words. It costs little, and most texts have no such place.
 */
const ROW = new RegExp(rowOf("[a-z]{3,8}"), "g")
/** The same in capitals, or with a capital at the beginning of each word. */
const CAPITAL_ROW = new RegExp(`${rowOf("[A-Z]{3,8}")}|${rowOf("[A-Z][a-z]{2,7}")}`, "g")
const LETTERS = "abcdefghijklmnopqrstuvwxyz"
const BETWEEN = "0123456789 \t\r\n\"'`,+\\.)*-"
const ALPHABET = alphabetOf(LETTERS + BETWEEN)
const CAPITAL_ALPHABET = alphabetOf(LETTERS + LETTERS.toUpperCase() + BETWEEN)

function rowOf(word: string): string {
  return String.raw`\b${word}(?:[ \t\r\n"'\x60,+\\*.)\d-]{1,48}\b${word}\b){${FEWEST - 1}}`
}

const WORD = /[a-z]{1,32}/g
/** A blank; a comma, quotes or a line's end, and what a list puts before each: `2. `, `- `. */
const GAP =
  /^[ \t]{0,4}["'`]?[ \t]{0,4}[,+\\]?\s{0,24}(?:[*-][ \t]{1,3}|\d{1,2}[.)]?[ \t]{1,3})?["'`]?$/
const PARTED = /[\s,]/
const BLANK = /^[ \t]{1,4}$/
const ITEM = /[,*\d-]/
const NEW_PARAGRAPH = /\n[ \t]*\r?\n/
const LONGEST_GAP = 48

/** What says that a phrase follows, and is in the list itself: `--seed legal winner …`. */
const LABELS = new Set(["seed", "phrase", "secret", "wallet", "key", "master", "word"])

/**
 * The seed phrases in a text: 12, 15, 18, 21 or 24 words of the English list with a valid checksum,
 * in a row, in lines or as a list, and no more of its words around them; all in small letters, all
 * in capitals, or each with a capital.
 */
export function* seedPhrasesIn(text: string): Generator<SeedPhrase> {
  for (const { start, end } of stretchesIn(text, ROW, ALPHABET)) {
    for (const run of runsIn(text, start, end)) yield* phrasesOf(run)
  }
  for (const { start, end } of stretchesIn(text, CAPITAL_ROW, CAPITAL_ALPHABET)) {
    const lower = text.slice(start, end).toLowerCase()
    for (const run of runsIn(lower, 0, lower.length)) {
      for (const phrase of phrasesOf(run)) {
        yield { ...phrase, start: start + phrase.start, end: start + phrase.end }
      }
    }
  }
}

/** From where a row begins to where something stands that is in no phrase. */
function* stretchesIn(
  text: string,
  row: RegExp,
  alphabet: Alphabet,
): Generator<Pick<SeedPhrase, "start" | "end">> {
  let from = 0
  for (;;) {
    row.lastIndex = from
    const found = row.exec(text)
    if (found === null) return
    from = endOfStretch(text, found.index, alphabet)
    yield { start: found.index, end: from }
  }
}

/** Rows of words that all are in the list. */
function* runsIn(text: string, from: number, to: number): Generator<ListedWord[]> {
  let run: RegExpExecArray[] = []
  WORD.lastIndex = from
  for (let word = WORD.exec(text); word && word.index < to; word = WORD.exec(text)) {
    const resume = WORD.lastIndex
    if (!couldBeListed(text, word) || !follows(text, run.at(-1), word)) {
      if (run.length >= FEWEST) yield* listedIn(text, run)
      run = []
    }
    if (couldBeListed(text, word)) run.push(word)
    WORD.lastIndex = resume
  }
  if (run.length >= FEWEST) yield* listedIn(text, run)
}

function couldBeListed(text: string, { 0: word, index }: RegExpExecArray): boolean {
  if (word.length < 3 || word.length > 8) return false
  return !/\w/.test(text.charAt(index - 1)) && !/\w/.test(text.charAt(index + word.length))
}

function follows(text: string, last: RegExpExecArray | undefined, word: RegExpExecArray): boolean {
  return last === undefined || isGap(gapBetween(text, last, word))
}

function gapBetween(text: string, last: RegExpExecArray, { index }: RegExpExecArray): string {
  return text.slice(last.index + last[0].length, index)
}

function isGap(gap: string): boolean {
  if (gap === " ") return true
  if (gap.length > LONGEST_GAP || !PARTED.test(gap)) return false
  return GAP.test(gap) && !NEW_PARAGRAPH.test(gap)
}

let places: ReadonlyMap<string, number> | undefined

function* listedIn(text: string, run: readonly RegExpExecArray[]): Generator<ListedWord[]> {
  places ??= new Map(wordlist.map((word, index) => [word, index]))
  let listed: ListedWord[] = []
  for (const [at, word] of run.entries()) {
    const index = places.get(word[0])
    if (index === undefined) {
      if (listed.length >= FEWEST) yield listed
      listed = []
      continue
    }
    const last = run[at - 1]
    const gap = last === undefined ? "" : gapBetween(text, last, word)
    listed.push({ text: word[0], start: word.index, index, parted: partingOf(gap) })
  }
  if (listed.length >= FEWEST) yield listed
}

function partingOf(gap: string): Parting {
  if (BLANK.test(gap)) return "word"
  return ITEM.test(gap) ? "item" : "line"
}

/** A word in each item of a list, or in each item a phrase: in all its lines, or in each line. */
function phrasesOf(run: readonly ListedWord[]): readonly SeedPhrase[] {
  const isList = run.slice(1).every(({ parted }) => parted === "item")
  const list = isList ? phraseIn(run) : undefined
  if (list !== undefined) return [list]
  return partedBy(run, "item").flatMap((item) => {
    const whole = phraseIn(item)
    const lines = partedBy(item, "line")
    // Of a phrase in lines, none is a phrase but by chance.
    const areApart = lines.every(({ length }) => SIZES.has(length) || length <= FEW)
    const found = whole === undefined && areApart ? lines.map(phraseIn) : [whole]
    return found.filter((phrase) => phrase !== undefined)
  })
}

function partedBy(run: readonly ListedWord[], parting: Parting): ListedWord[][] {
  const parts: ListedWord[][] = [[]]
  for (const [at, word] of run.entries()) {
    if (at > 0 && word.parted === parting) parts.push([])
    parts.at(-1)?.push(word)
  }
  return parts
}

/** All words of a row, or all behind its labels. */
function phraseIn(row: readonly ListedWord[]): SeedPhrase | undefined {
  const labels = row.findIndex(({ text }) => !LABELS.has(text))
  const words = [row, row.slice(labels)].find(isPhrase)
  const [first, last] = [words?.[0], words?.at(-1)]
  if (words === undefined || first === undefined || last === undefined) return undefined
  const text = words.map((word) => word.text).join(" ")
  return { words: text, start: first.start, end: last.start + last.text.length }
}

function isPhrase(words: readonly ListedWord[]): boolean {
  return SIZES.has(words.length) && isChance(words) && isValid(words)
}

/** Not one word again and again, `test test … junk`, nor a piece of the list itself. */
function isChance(words: readonly ListedWord[]): boolean {
  const isSorted = words.every(({ index }, at) => index > (words[at - 1]?.index ?? -1))
  return !isSorted && new Set(words.map(({ index }) => index)).size > 2
}

/** Whether the last bits are the beginning of the others' SHA-256: of 16 rows of words, one is. */
function isValid(words: readonly ListedWord[]): boolean {
  const all = words.reduce((bits, { index }) => (bits << 11n) | BigInt(index), 0n)
  const size = words.length / 3
  const entropy = Buffer.from((all >> BigInt(size)).toString(16).padStart(8 * size, "0"), "hex")
  const first = createHash("sha256").update(entropy).digest()[0] ?? 0
  return first >> (8 - size) === Number(all & ((1n << BigInt(size)) - 1n))
}
