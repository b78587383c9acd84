import type { BodyPlace, UsePlace } from "../../core/index.js"
import { BASIC, JSON_STRING, type Notation, PAIR, PATH, PLAIN } from "./notation.js"

/** A stretch of a text in which something may be put. */
export interface Slot {
  /** Undefined where no rule can send a value: in a name, say. */
  readonly at: UsePlace | undefined
  /** Where it begins and ends in the text. */
  readonly start: number
  readonly end: number
  readonly notation: Notation
}

/** The slots of a request's target: its path, and the pairs of its query. */
export function* slotsOfTarget(target: string): Generator<Slot> {
  const mark = target.indexOf("?")
  const end = mark < 0 ? target.length : mark
  yield { at: "path", start: 0, end, notation: PATH }
  if (mark >= 0) yield* slotsOfPairs(target, mark + 1, (name) => `query:${name}`)
}

/** The slots of a header's value: what is in Basic, and all of it. The name is in lower case. */
export function slotsOfHeader(name: string, value: string): readonly Slot[] {
  const at: UsePlace = `header:${name}`
  const all: Slot = { at, start: 0, end: value.length, notation: PLAIN }
  const basic = /^Basic +(?=[A-Za-z0-9+/]+={0,2}$)/i.exec(value)
  return basic === null ? [all] : [all, { ...all, start: basic[0].length, notation: BASIC }]
}

/** The slots of a body: the pairs of a form, or the strings of a JSON document. */
export function slotsOfBody(at: BodyPlace, body: string): Generator<Slot> {
  return at === "body:form" ? slotsOfPairs(body, 0, () => at) : slotsOfJson(body)
}

/** Pairs of names and values (`a=b&c=d`) from an index to the end. */
function* slotsOfPairs(
  text: string,
  from: number,
  placeOf: (name: string) => UsePlace,
): Generator<Slot> {
  for (let start = from; start <= text.length;) {
    const next = text.indexOf("&", start)
    const end = next < 0 ? text.length : next
    const equals = text.indexOf("=", start)
    const nameEnd = equals < 0 || equals > end ? end : equals
    yield { at: undefined, start, end: nameEnd, notation: PAIR }
    if (nameEnd < end) {
      const name = PAIR.read(text.slice(start, nameEnd).replaceAll("+", " "))
      yield { at: placeOf(name), start: nameEnd + 1, end, notation: PAIR }
    }
    start = end + 1
  }
}

/** The strings of a JSON document, without their quotes; a name of a member is at no place. */
function* slotsOfJson(body: string): Generator<Slot> {
  const colon = /[ \t\r\n]*:/y
  for (let quote = body.indexOf('"'); quote >= 0;) {
    const end = endOfString(body, quote + 1)
    colon.lastIndex = end + 1
    yield {
      at: colon.test(body) ? undefined : "body:json",
      start: quote + 1,
      end,
      notation: JSON_STRING,
    }
    quote = body.indexOf('"', end + 1)
  }
}

/** The index of the quote that ends a string in JSON. */
function endOfString(body: string, start: number): number {
  for (let quote = body.indexOf('"', start); quote >= 0; quote = body.indexOf('"', quote + 1)) {
    let first = quote
    while (body.charAt(first - 1) === "\\") first -= 1
    if ((quote - first) % 2 === 0) return quote
  }
  return body.length
}
