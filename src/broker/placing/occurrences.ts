import { type BodyPlace, type UsePlace, VaultError } from "../../core/index.js"
import type { Placeholder, Placeholders } from "../placeholder/placeholders.js"
import { type Notation, rawIndexes } from "./notation.js"
import { headerValues, type RequestHead } from "./request-head.js"
import { type Slot, notationOfBody, slotsAround, slotsOfHeader, slotsOfTarget } from "./slots.js"

/** What finds the placeholders of this run in a text, from the left, and tells those of another. */
export type PlaceholderSearch = Pick<Placeholders, "find" | "holdsStale">

type Hit = ReturnType<PlaceholderSearch["find"]> extends Iterable<infer Each> ? Each : never

/** The texts of a request in which a value may be put. A header goes by its name in lower case. */
export type RequestText = "target" | "body" | `header:${string}`

/** A placeholder at a place of a request, in the {@link Slot} there. */
export interface Occurrence {
  readonly placeholder: Placeholder
  readonly at: UsePlace
  readonly within: RequestText
  readonly start: number
  readonly end: number
  readonly notation: Notation
  /** The slot as it is read: `Bearer PLACEHOLDER`, or `user:PLACEHOLDER` in Basic. */
  readonly read: string
  /** Where the placeholder begins in that. */
  readonly index: number
}

interface SlotWithin extends Slot {
  readonly within: RequestText
  readonly text: string
}

/**
 * The placeholders in the head of a request: in its path, in the values of its query and of its
 * headers, in Basic's user name and password. Nothing is decided about rules.
 * Throws `PLACEHOLDER_REFUSED` if one is twice at the same place, at a place that no rule can name, or
 * in a header or a pair of the query that is there twice, of which the other side may take either; or
 * if one of another run is there.
 */
export function findInHead(
  head: RequestHead,
  placeholders: PlaceholderSearch,
): readonly Occurrence[] {
  const slots = [...slotsOfHead(head)]
  // All of it at once, which is much faster; no placeholder has a line break.
  const all = [...head.rawHeaders, ...slots.map(readOf)].join("\n")
  if (placeholders.holdsStale(all)) throw ofAnotherRun()
  if (placeholders.find(all).next().done === true) return []
  for (const name of head.rawHeaders.filter((_, at) => at % 2 === 0)) {
    for (const { placeholder } of placeholders.find(name)) {
      throw refused(placeholder, "it is in the name of a header")
    }
  }
  const found = slots.flatMap((slot) => [...occurrencesIn(slot, placeholders)])
  refuseTwice(found)
  for (const { placeholder, at } of found) {
    if (timesOf(at, head) > 1) throw refused(placeholder, `${at} is in the request twice`)
  }
  return found
}

/**
 * The placeholders in a body, at the place that its type has, see `bodyPlaceOf`. Only those of
 * secrets that a rule would send in this body count: any other is merely quoted, and passes.
 * Throws `PLACEHOLDER_REFUSED` if one is there twice, or in a name, or if the body is not what its
 * type says.
 */
export function findInBody(
  at: BodyPlace,
  body: Uint8Array,
  placeholders: PlaceholderSearch,
  isSent: (secret: string) => boolean,
): readonly Occurrence[] {
  const text = Buffer.from(body).toString("latin1")
  const notation = notationOfBody(at)
  const hits = onceEach(placeholders.find(notation.read(text)), isSent)
  const [first] = hits
  if (first === undefined) return []
  if (at === "body:json" && !isJson(body)) {
    throw refused(first.placeholder, "the body is not valid JSON")
  }
  const ends = hits.flatMap(({ placeholder, index }) => [index, index + placeholder.text.length])
  const rawEnds = rawIndexes(notation, text, ends)
  const stretches = hits.map((_, n) => ({
    start: rawEnds[2 * n] ?? 0,
    end: rawEnds[2 * n + 1] ?? 0,
  }))
  const slots = slotsAround(at, text, stretches)
  return hits.flatMap(({ placeholder }, n) => {
    const slot = slots[n]
    if (slot?.at === undefined) throw refused(placeholder, "it is in a name, in the body")
    const inSlot = [...occurrencesIn({ ...slot, within: "body", text }, placeholders)]
    return inSlot.filter((occurrence) => occurrence.placeholder.text === placeholder.text)
  })
}

/** Those that are sent; refused at the second of the same, of which there may be very many. */
function onceEach(hits: Iterable<Hit>, isSent: (secret: string) => boolean): Hit[] {
  const seen = new Map<string, Hit>()
  for (const hit of hits) {
    const { text, secret } = hit.placeholder
    if (!isSent(secret)) continue
    if (seen.has(text)) throw refused(hit.placeholder, "it is in the body twice")
    seen.set(text, hit)
  }
  return [...seen.values()]
}

function* slotsOfHead({ target, rawHeaders }: RequestHead): Generator<SlotWithin> {
  for (const slot of slotsOfTarget(target)) yield { ...slot, within: "target", text: target }
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase()
    const text = rawHeaders[at + 1] ?? ""
    for (const slot of slotsOfHeader(name, text)) yield { ...slot, within: `header:${name}`, text }
  }
}

function* occurrencesIn(slot: SlotWithin, placeholders: PlaceholderSearch): Generator<Occurrence> {
  const { at, within, start, end, notation } = slot
  const read = readOf(slot)
  for (const { placeholder, index } of placeholders.find(read)) {
    if (at === undefined) throw refused(placeholder, `it is in a name, in the ${within}`)
    yield { placeholder, at, within, start, end, notation, read, index }
  }
}

function readOf({ text, start, end, notation }: SlotWithin): string {
  return notation.read(text.slice(start, end))
}

function refuseTwice(found: readonly Occurrence[]): void {
  const seen = new Set<string>()
  for (const { placeholder, at } of found) {
    const here = `${placeholder.text} ${at}`
    if (seen.has(here)) throw refused(placeholder, `it is at ${at} twice`)
    seen.add(here)
  }
}

/** How often a request has a place. */
function timesOf(at: UsePlace, head: RequestHead): number {
  if (at.startsWith("header:")) return headerValues(head, at.slice("header:".length)).length
  return [...slotsOfTarget(head.target)].filter((slot) => slot.at === at).length
}

function isJson(body: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body))
    return true
  } catch {
    return false
  }
}

function refused({ secret }: Placeholder, why: string): VaultError {
  return new VaultError("PLACEHOLDER_REFUSED", `the placeholder of ${secret} is refused: ${why}`, {
    hint: "send it once, at the place that its use names: agent-vault use --list",
  })
}

function ofAnotherRun(): VaultError {
  return new VaultError("PLACEHOLDER_REFUSED", "the request holds a placeholder of another run", {
    hint: "take it from this run's environment: one that was stored, or printed, has ended",
  })
}
