import { isUtf8 } from "node:buffer"

/** A text in place of another, which begins at an index of what a {@link Notation} reads. */
export interface Splice {
  readonly index: number
  readonly length: number
  /** One character for each byte. */
  readonly value: string
}

/**
 * How a text is written at some place of a request, one character for each byte. What is spliced in
 * is written in the notation; all else stays as it was sent.
 */
export interface Notation {
  readonly read: (raw: string) => string
  /** What is read as one character, if anything is that was sent as several. */
  readonly escape?: RegExp
  /** The splices come in order and do not overlap. */
  readonly splice: (raw: string, splices: readonly Splice[]) => string
  /** Why a value cannot be written here, undefined if it can. */
  readonly objection: (value: string) => string | undefined
}

const CONTROL = /[^\t\x20-\x7e\x80-\xff]/
const control = (value: string): string | undefined =>
  CONTROL.test(value) ? "it has a line break or another control character" : undefined

/** As it is, in a header. */
export const PLAIN: Notation = {
  read: (raw) => raw,
  splice: (raw, splices) => spliced(raw, splices, (value) => value),
  objection: control,
}

/** The user name and the password of Basic (RFC 7617): `user:password` in base64. */
export const BASIC: Notation = {
  read: (raw) => Buffer.from(raw, "base64").toString("latin1"),
  splice: (raw, splices) =>
    Buffer.from(PLAIN.splice(BASIC.read(raw), splices), "latin1").toString("base64"),
  objection: control,
}

/** A path: `%3A`. What may stand in a segment stays, but for what begins a parameter of it. */
export const PATH: Notation = percent(/[A-Za-z0-9._~!$&'()*+,=:@-]/)
/** The value of a pair in a query, or in a form. */
export const PAIR: Notation = percent(/[A-Za-z0-9._~-]/)

const JSON_ESCAPE = /\\(?:u[0-9a-fA-F]{4}|[^])/g
const utf8Of = (value: string): Buffer => Buffer.from(value, "latin1")

/** What stands between the quotes of a string in JSON (RFC 8259, section 7). */
export const JSON_STRING: Notation = {
  escape: JSON_ESCAPE,
  read: (raw) =>
    raw.replace(JSON_ESCAPE, (escape) => {
      const short = SHORT_ESCAPES[escape.charAt(1)] ?? escape.charAt(1)
      return escape.length === 2 ? short : String.fromCharCode(parseInt(escape.slice(2), 16))
    }),
  splice: (raw, splices) =>
    spliced(raw, unescaped(raw, JSON_ESCAPE, splices), (value) => {
      const quoted = JSON.stringify(utf8Of(value).toString("utf8"))
      return Buffer.from(quoted.slice(1, -1), "utf8").toString("latin1")
    }),
  objection: (value) => (isUtf8(utf8Of(value)) ? undefined : "it is not UTF-8, as JSON is"),
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
}

function percent(kept: RegExp): Notation {
  const escape = /%[0-9a-fA-F]{2}/g
  return {
    escape,
    read: (raw) =>
      raw.replace(escape, (escaped) => String.fromCharCode(parseInt(escaped.slice(1), 16))),
    splice: (raw, splices) =>
      spliced(raw, unescaped(raw, escape, splices), (value) =>
        value.replace(/[^]/g, (character) =>
          kept.test(character) ? character : percentOf(character),
        ),
      ),
    objection: () => undefined,
  }
}

function percentOf(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`
}

function spliced(
  raw: string,
  splices: readonly Splice[],
  write: (value: string) => string,
): string {
  let end = 0
  const pieces: string[] = []
  for (const { index, length, value } of splices) {
    pieces.push(raw.slice(end, index), write(value))
    end = index + length
  }
  return [...pieces, raw.slice(end)].join("")
}

/** Where characters of what is read begin as it was sent; the indexes ascend, as those given. */
export function rawIndexes(
  { escape = /(?!)/g }: Pick<Notation, "escape">,
  raw: string,
  indexes: readonly number[],
): number[] {
  const escapes = raw.matchAll(escape)
  let next = escapes.next()
  let added = 0
  return indexes.map((index) => {
    while (next.done !== true && next.value.index - added < index) {
      added += next.value[0].length - 1
      next = escapes.next()
    }
    return index + added
  })
}

/** Splices of what was read, as splices of what was written. */
function unescaped(raw: string, escape: RegExp, splices: readonly Splice[]): Splice[] {
  const ends = splices.flatMap(({ index, length }) => [index, index + length])
  const rawEnds = rawIndexes({ escape }, raw, ends)
  return splices.map(({ value }, at) => {
    const [index = 0, end = 0] = rawEnds.slice(2 * at, 2 * at + 2)
    return { index, length: end - index, value }
  })
}
