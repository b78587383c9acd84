import { VaultError } from "../../core/index.js"
import { BASIC, type Splice } from "./notation.js"
import type { Occurrence, RequestText } from "./occurrences.js"
import type { RequestHead } from "./request-head.js"

/** A value, and the placeholder that it takes the place of. */
export interface Putting {
  readonly occurrence: Occurrence
  readonly value: Uint8Array
}

/** A text that holds a value in a form made for this request: base64 of `user:value`. */
interface Injected {
  readonly secret: string
  readonly text: string
}

/** What values were put into. */
interface Filled<T> {
  readonly filled: T
  readonly injected: readonly Injected[]
}

/**
 * Puts values into the head in which their placeholders were found; all else stays byte for byte.
 * Throws `PLACEHOLDER_REFUSED` if a value does not fit its place.
 */
export function putInHead(head: RequestHead, puttings: readonly Putting[]): Filled<RequestHead> {
  const injected: Injected[] = []
  const fill = (within: RequestText, text: string): string =>
    filledText(
      text,
      puttings.filter(({ occurrence }) => occurrence.within === within),
      injected,
    )
  const rawHeaders = head.rawHeaders.map((text, at) =>
    at % 2 === 0 ? text : fill(`header:${(head.rawHeaders[at - 1] ?? "").toLowerCase()}`, text),
  )
  return { filled: { ...head, target: fill("target", head.target), rawHeaders }, injected }
}

/** Puts values into a body, as {@link putInHead} does. */
export function putInBody(body: Uint8Array, puttings: readonly Putting[]): Filled<Uint8Array> {
  const injected: Injected[] = []
  const text = filledText(Buffer.from(body).toString("latin1"), puttings, injected)
  return { filled: Buffer.from(text, "latin1"), injected }
}

function filledText(text: string, puttings: readonly Putting[], injected: Injected[]): string {
  let filled = text
  // From the right, so that what is to the left stays where it was found.
  const slots = new Map(puttings.map(({ occurrence }) => [occurrence.start, occurrence]))
  for (const { start, end, notation } of [...slots.values()].toSorted(
    (a, b) => b.start - a.start,
  )) {
    const here = puttings.filter(({ occurrence }) => occurrence.start === start)
    const written = notation.splice(filled.slice(start, end), splicesOf(here))
    const [first] = here
    if (notation === BASIC && first !== undefined) {
      injected.push({ secret: first.occurrence.placeholder.secret, text: written })
    }
    filled = filled.slice(0, start) + written + filled.slice(end)
  }
  return filled
}

function splicesOf(puttings: readonly Putting[]): Splice[] {
  return puttings
    .map(({ occurrence, value: bytes }) => {
      const value = Buffer.from(bytes).toString("latin1")
      const objection = objectionTo(occurrence, value)
      if (objection !== undefined) throw unfit(occurrence, objection)
      return { index: occurrence.index, length: occurrence.placeholder.text.length, value }
    })
    .toSorted((a, b) => a.index - b.index)
}

function objectionTo({ notation, index }: Occurrence, value: string): string | undefined {
  const isUserName = notation === BASIC && index === 0
  if (isUserName && value.includes(":")) return "a user name of Basic has no colon"
  return notation.objection(value)
}

function unfit({ placeholder, at }: Occurrence, why: string): VaultError {
  return new VaultError(
    "PLACEHOLDER_REFUSED",
    `the value of ${placeholder.secret} does not fit into ${at}: ${why}`,
    {
      hint: `look at the value where it was made; set it anew: agent-vault set ${placeholder.secret}`,
    },
  )
}
