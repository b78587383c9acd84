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

/** How a body with a place is written. */
export function notationOfBody(at: BodyPlace): Notation {
  return at === "body:json" ? JSON_STRING : PAIR
}

/** From a character to before another. */
interface Stretch {
  readonly start: number
  readonly end: number
}

/**
 * The slots in which stretches of a body lie, which ascend: values of a form's pairs, or strings of
 * a JSON document. What is in no such slot is in one at no place.
 */
export function slotsAround(
  at: BodyPlace,
  body: string,
  stretches: readonly Stretch[],
): readonly Slot[] {
  return at === "body:json" ? stringsAround(body, stretches) : pairsAround(body, stretches)
}

function pairsAround(body: string, stretches: readonly Stretch[]): Slot[] {
  return stretches.map((stretch) => {
    const start = stretch.start === 0 ? 0 : body.lastIndexOf("&", stretch.start - 1) + 1
    return slotAround(
      slotsOfPair(body, start, () => "body:form"),
      stretch,
    )
  })
}

/** The strings of a JSON document, without their quotes; the name of a member is at no place. */
function stringsAround(body: string, stretches: readonly Stretch[]): Slot[] {
  const colon = /[ \t\r\n]*:/y
  let [quote, end] = [-1, -1]
  return stretches.map((stretch) => {
    while (end < stretch.end && end < body.length) {
      quote = body.indexOf('"', end + 1)
      end = quote < 0 ? body.length : endOfString(body, quote + 1)
    }
    colon.lastIndex = end + 1
    const at = colon.test(body) ? undefined : "body:json"
    return slotAround([{ at, start: quote + 1, end, notation: JSON_STRING }], stretch)
  })
}

function slotAround(slots: Iterable<Slot>, { start, end }: Stretch): Slot {
  for (const slot of slots) if (slot.start <= start && end <= slot.end) return slot
  return { at: undefined, start, end, notation: PLAIN }
}

/** Pairs of names and values (`a=b&c=d`) from an index to the end. */
function* slotsOfPairs(
  text: string,
  from: number,
  placeOf: (name: string) => UsePlace,
): Generator<Slot> {
  for (let start = from; start <= text.length;) {
    let end = start
    for (const slot of slotsOfPair(text, start, placeOf)) {
      yield slot
      end = slot.end
    }
    start = end + 1
  }
}

/** The name and the value of the pair that begins at an index; a name is at no place. */
function* slotsOfPair(
  text: string,
  start: number,
  placeOf: (name: string) => UsePlace,
): Generator<Slot> {
  const next = text.indexOf("&", start)
  const end = next < 0 ? text.length : next
  const [name = ""] = text.slice(start, end).split("=", 1)
  const nameEnd = start + name.length
  yield { at: undefined, start, end: nameEnd, notation: PAIR }
  if (nameEnd === end) return
  const at = placeOf(PAIR.read(name.replaceAll("+", " ")))
  yield { at, start: nameEnd + 1, end, notation: PAIR }
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
