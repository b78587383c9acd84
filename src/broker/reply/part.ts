import { VaultError } from "../../core/index.js"
import { codingNames, valuesOf, withoutHeaders } from "../coding/coding.js"
import { isDigest } from "../coding/digest-header.js"

/** A part of something, as a request asks for it: from a byte on, up to one, or the last so many. */
export type PartAsked =
  { readonly first: number; readonly last: number } | { readonly suffix: number }

/** What of a wider part is the one that was asked for. */
export interface PartCut {
  /** Bytes in front of it, and bytes of it. */
  readonly skip: number
  readonly length: number
  /** The headers that say so, in place of those of the wider part. */
  readonly rawHeaders: readonly string[]
}

/** So much is looked at on each side of a part: what the redactor waits at most for a value's end. */
const BESIDE = 64 * 1024
/** No form of such a value is longer than that: in UTF-16, escaped byte by byte, it is 12 times as long. */
const LONGEST_VALUE = BESIDE / 16
/** Positions that arithmetic stays exact at. */
const MOST = 2 ** 52
const RANGE = /^bytes=[ \t]*(\d{1,16})?-(\d{1,16})?[ \t]*$/i
const CONTENT_RANGE = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/

/**
 * Reads `Range` (RFC 9110, section 14.2); undefined if it is not one range of bytes.
 */
export function partAsked(range: string): PartAsked | undefined {
  const [, from, to] = RANGE.exec(range) ?? []
  if (from === undefined) {
    return to === undefined || Number(to) > MOST ? undefined : { suffix: Number(to) }
  }
  const [first, last] = [Number(from), to === undefined ? Number.MAX_SAFE_INTEGER : Number(to)]
  return first > MOST || last < first ? undefined : { first, last }
}

/** The `Range` of all that has to be looked at, so that no half of a value is in the part. */
export function widened(part: PartAsked): string {
  if ("suffix" in part) return `bytes=-${part.suffix + BESIDE}`
  const first = Math.max(0, part.first - BESIDE)
  return `bytes=${first}-${part.last > MOST ? "" : part.last + BESIDE}`
}

/**
 * How the reply to a widened request is cut to what was asked for; a length of 0 where nothing of it
 * is there. Throws `REPLY_REFUSED` if the reply is another part than the widened one, has an encoding,
 * of which a part cannot be taken off, or if a value is so long that it may reach across both sides.
 */
export function cutOf(
  part: PartAsked,
  rawHeaders: readonly string[],
  longestValue: number,
): PartCut {
  if (longestValue > LONGEST_VALUE) throw refusedPart("it is a part, and a value is over 4 KiB")
  if (codingNames(rawHeaders).length > 0) throw refusedPart("it is a part of something encoded")
  const [, a = "", b = "", total = ""] =
    CONTENT_RANGE.exec(valuesOf(rawHeaders, "content-range").join()) ?? []
  const [begin, end, size] = [Number(a), Number(b), Number(total)]
  const { first, last } =
    "suffix" in part ? { first: Math.max(0, size - part.suffix), last: size - 1 } : part
  const isWidened =
    total !== "" &&
    begin === Math.max(0, first - BESIDE) &&
    end === Math.min(last + BESIDE, size - 1)
  if (!isWidened) throw refusedPart("it is another part than was asked for")
  const length = Math.max(0, Math.min(last, size - 1) - first + 1)
  const others = withoutHeaders(rawHeaders, (name) => SAYS_WHICH.has(name) || isDigest(name))
  const which = length === 0 ? `*/${size}` : `${first}-${first + length - 1}/${size}`
  const says = ["Content-Range", `bytes ${which}`, "Content-Length", String(length)]
  return { skip: first - begin, length, rawHeaders: [...others, ...says] }
}

/** The part of a body; the rest is read, and goes nowhere. */
export async function* cutOut(
  body: AsyncIterable<Uint8Array>,
  { skip, length }: PartCut,
): AsyncGenerator<Uint8Array, void, void> {
  let at = 0
  for await (const piece of body) {
    const [from, to] = [Math.max(0, skip - at), Math.max(0, skip + length - at)]
    at += piece.length
    const mine = piece.subarray(from, to)
    if (mine.length > 0) yield mine
  }
}

const SAYS_WHICH = new Set(["content-length", "content-range", "transfer-encoding"])

/** A part that cannot be handed on. Code: `REPLY_REFUSED`. */
export function refusedPart(why: string): VaultError {
  return new VaultError("REPLY_REFUSED", `the reply cannot be searched for values: ${why}`, {
    hint: "ask for all of it, without Range (the AWS CLI: raise s3.multipart_threshold)",
  })
}
