import type { Assignment } from "./assignment.js"
import { meaningOf, wordsOf } from "./naming.js"

/** Of lists within lists, a text is read so many times over. */
const MOST_TIMES = 4

const NAME_BEFORE = /[\w.-]{0,64}$/
const NAME_AFTER = /[\w.-]{0,64}/y
/** From a name to a list in brackets: `= [`, `: string[] = {`, `=> array(`, `"]: [`. */
const BRACKET =
  /["'`]?\]?[ \t]{0,8}(?::[ \t]{0,4}[\w<>[\]., ]{1,40}[ \t]{0,4})?(?::=|=>|=|:)\s{0,20}(?:new\s{1,4})?[\w.<>[\]]{0,40}[ \t]{0,4}[[({]/y
/** From a name to the items of YAML below it. */
const BLOCK = /["']?:[ \t]{0,8}(?:#[^\n]{0,200})?\r?\n/y
/** A literal, or an object without others in it; a remark may stand before it. */
const ITEM =
  /(?:\s{0,200}(?:\/\/|#)[^\n]{0,200}\n){0,8}\s{0,200}(?:[bBrRuU@]?(["'`])((?:(?!\1)[^\\\n]|\\.){0,2048})\1|\{([^{}]{0,2000})\})\s{0,80},?/dy
/** What an object in a list calls its secret, where the list has the telling name. */
const FIELD = /(?:^|[\s,{"'])(?:key|value|val)["']?\s{0,8}(?:=>|[:=])\s{0,8}/g
const LINE = /([ \t]{0,200})(- {1,8})?([^\n]{0,4000})\n?/y
const SCALAR =
  /(["'])((?:(?!\1)[^\\\n]|\\.|\1\1){1,2048})\1|([^\s"'[\]{},#&*!|>%@`][^\s,{}[\]]{3,2047})/y

interface Value {
  readonly start: number
  readonly end: number
}

/** How many characters of lists may still be read. */
interface Budget {
  left: number
}

/**
 * The items of lists that have the name of secrets: `api_keys:` with `- VALUE` or `- key: VALUE`
 * below it, and the same in brackets, `"tokens": ["…", { "key": "…" }]`.
 */
export function* listedIn(text: string, names: readonly number[]): Generator<Assignment> {
  const budget = { left: MOST_TIMES * text.length }
  let done = 0
  for (const at of names) {
    if (at < done) continue
    const start = at - (NAME_BEFORE.exec(text.slice(Math.max(0, at - 64), at))?.[0].length ?? 0)
    NAME_AFTER.lastIndex = at
    NAME_AFTER.test(text)
    const end = NAME_AFTER.lastIndex
    const values = valuesAfter(text, start, end, budget)
    if (!values) continue
    const words = singular(wordsOf(text.slice(start, end)))
    const meaning = meaningOf(words)
    if (meaning !== "secret" && meaning !== "password") continue
    for (const value of values) {
      done = value.end
      yield { words, ...value, value: text.slice(value.start, value.end), quoted: true, by: "," }
    }
  }
}

/** The values of the list that follows a name, if one does. */
function valuesAfter(
  text: string,
  start: number,
  end: number,
  budget: Budget,
): Iterable<Value> | undefined {
  BLOCK.lastIndex = end
  if (BLOCK.test(text)) return itemsBelow(text, BLOCK.lastIndex, indentAt(text, start), budget)
  BRACKET.lastIndex = end
  return BRACKET.test(text) ? itemsWithin(text, BRACKET.lastIndex, budget) : undefined
}

function* itemsWithin(text: string, from: number, budget: Budget): Generator<Value> {
  let next = from
  while (budget.left > 0) {
    ITEM.lastIndex = next
    const [, , literal, object] = ITEM.exec(text)?.indices ?? []
    if (literal) yield { start: literal[0], end: literal[1] }
    else if (object) yield* fieldsOf(text, object[0], object[1])
    else return
    budget.left -= ITEM.lastIndex - next
    next = ITEM.lastIndex
  }
}

/** The secrets of an object: its only telling name is that of the list. */
function* fieldsOf(text: string, from: number, to: number): Generator<Value> {
  for (const field of text.slice(from, to).matchAll(FIELD)) {
    const value = scalarAt(text, from + field.index + field[0].length)
    if (value && value.end <= to) yield value
  }
}

/** Items of YAML, no further in than the name above them if they begin with a dash. */
function* itemsBelow(text: string, from: number, indent: number, budget: Budget): Generator<Value> {
  let next = from
  let dash: number | undefined
  while (budget.left > 0 && next < text.length) {
    LINE.lastIndex = next
    const [whole = "", blank = "", item, rest = ""] = LINE.exec(text) ?? []
    if (whole === "") return
    const begin = next + blank.length + (item?.length ?? 0)
    next += whole.length
    budget.left -= whole.length
    if (/^\s*(?:#|$)/.test(rest)) continue
    if (item === undefined ? blank.length <= (dash ?? Infinity) : blank.length < indent) return
    if (item !== undefined && blank.length <= (dash ??= blank.length)) {
      const value = /^\{|^["']?[\w.-]{1,60}["']?:(?:\s|$)/.test(rest)
        ? undefined
        : scalarAt(text, begin)
      if (value) yield value
    }
    if (item === undefined || rest.includes(":")) yield* fieldsOf(text, begin, begin + rest.length)
  }
}

function scalarAt(text: string, at: number): Value | undefined {
  SCALAR.lastIndex = at
  const [, , quoted, bare] = SCALAR.exec(text) ?? []
  if (quoted !== undefined) return { start: at + 1, end: at + 1 + quoted.length }
  return bare === undefined ? undefined : { start: at, end: at + bare.length }
}

/** How far in the line of an offset begins. */
function indentAt(text: string, at: number): number {
  const before = text.slice(Math.max(0, at - 200), at)
  const line = before.slice(before.lastIndexOf("\n") + 1)
  return /^[ \t]*/.exec(line)?.[0].length ?? 0
}

/** `api keys` as `api key`, which says what each is. */
function singular(words: readonly string[]): string[] {
  return words.map((word, at) =>
    at === words.length - 1 ? word.replace(/(?<=[a-z]{2}[^s])s$/, "") : word,
  )
}
