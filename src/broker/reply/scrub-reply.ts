import type { Readable } from "node:stream"
import { type Redacted, VaultError } from "../../core/index.js"
import { isSearchableCharset } from "../coding/charset.js"
import { type Coding, codingNames, codingsOf, valuesOf, withoutHeaders } from "../coding/coding.js"
import { Undecodable, decoded } from "../coding/decode.js"
import { type Begun, readAhead } from "../coding/read-ahead.js"
import type { LiveValues } from "../live/live-values.js"
import { type Sieve, sieveOfReply } from "../live/sieve.js"
import { isDigest } from "../coding/digest-header.js"
import { type PartAsked, type PartCut, cutOf, cutOut, refusedPart } from "./part.js"

/** The head of a reply, as Node's parser gives it: a character for each byte. */
interface ReplyHead {
  /** 100 to 599 */
  readonly status: number
  readonly statusText: string
  /** Names and values in turn, as they were sent. */
  readonly rawHeaders: readonly string[]
}

/** What a reply owes to its request. */
export interface OfRequest {
  /** The part that the program asked for, if a wider one was asked for in its place. */
  readonly asked?: PartAsked | undefined
  /** Signatures that the broker put into its query: such an address is good for whoever has it. */
  readonly presigned?: readonly Redacted[] | undefined
}

/** A reply without the values of this run. */
export interface ScrubbedReply {
  /** Without Content-Length, whoever sends it on ends the body by chunks. */
  readonly head: ReplyHead
  /** All of the body, if it is short: it was read already. */
  readonly whole: Uint8Array | undefined
  /** The body; fails with `REPLY_REFUSED` where it turns out to be something else than it said. */
  readonly stream: () => Readable
  /** The names of the secrets that were found so far. */
  readonly found: ReadonlySet<string>
  /** Trailers without values, in pairs as they come; for when the body has ended. */
  readonly trailers: (rawTrailers: readonly string[]) => string[]
}

/** A body whose length is said to be no more is read to its end before the head is handed on. */
const SHORT = 64 * 1024

/**
 * Takes the values of this run out of a reply to a request with `method`: out of its status text,
 * headers, body and trailers, in every form that the redactor knows, after the body's encodings are
 * taken off. What comes is handed on at once. A body that has no encoding and holds nothing is the
 * same byte for byte; if it is short, so is its head, with its length.
 *
 * Throws `REPLY_REFUSED`, before anything is handed on, if the body has an encoding that cannot be
 * taken off, or a charset in which values are other bytes, or is a part of something that may hold a
 * half of a value; and what `body` throws.
 * Where a wider part was asked for than the program did, the reply becomes what that asked for, and
 * fails where a value is in it or beside it.
 */
export async function scrubReply(
  method: string,
  head: ReplyHead,
  body: AsyncIterable<Uint8Array>,
  live: LiveValues,
  { asked, presigned = [] }: OfRequest = {},
): Promise<ScrubbedReply> {
  const sieve = sieveOfReply(live, presigned)
  if (head.status === 206 && asked !== undefined) {
    const longest = presigned.reduce(
      (most, { value }) => Math.max(most, value.length),
      live.longest,
    )
    return scrubPart(head, body, sieve, cutOf(asked, head.rawHeaders, longest))
  }
  const trailers = (raw: readonly string[]): string[] => withoutFoundNames(raw, sieve.head(raw))
  const isBodiless = method === "HEAD" || hasNoBody(head)
  const codings = isBodiless ? [] : readableCodings(head)
  const clean = sieve.stream(codings.length === 0 ? body : refusing(decoded(body, codings)))
  const begun = await readAhead(clean, isBodiless ? 0 : aheadOf(head, codings))
  const isAsItWas = isBodiless || (begun.isWhole && codings.length === 0 && sieve.found.size === 0)
  const framed = isAsItWas ? head : reframed(head, begun)
  return {
    head: scrubTexts(framed, sieve),
    whole: begun.isWhole ? Buffer.concat(begun.pieces) : undefined,
    stream: begun.stream,
    found: sieve.found,
    trailers,
  }
}

async function scrubPart(
  { statusText }: ReplyHead,
  body: AsyncIterable<Uint8Array>,
  sieve: Sieve,
  cut: PartCut,
): Promise<ScrubbedReply> {
  const clean = sieve.stream(body, () => {
    if (sieve.found.size > 0) throw refusedPart("a value is in it, or at its edge")
  })
  const isThere = cut.length > 0
  const head = isThere
    ? { status: 206, statusText, rawHeaders: cut.rawHeaders }
    : { status: 416, statusText: "Range Not Satisfiable", rawHeaders: cut.rawHeaders }
  const begun = await readAhead(cutOut(clean, cut), aheadOf(head, []))
  return {
    head: scrubTexts(head, sieve),
    whole: begun.isWhole ? Buffer.concat(begun.pieces) : undefined,
    stream: begun.stream,
    found: sieve.found,
    trailers: (raw) => withoutFoundNames(raw, sieve.head(raw)),
  }
}

/** The head of a reply that has no body: an interim one, or one that changes the protocol. */
export function scrubHead(
  head: ReplyHead,
  live: LiveValues,
  { presigned }: OfRequest = {},
): ReplyHead {
  return scrubTexts(head, sieveOfReply(live, presigned))
}

/** RFC 9112, section 6.3. */
function hasNoBody({ status, rawHeaders }: ReplyHead): boolean {
  if (status < 200 || status === 204 || status === 304) return true
  return valuesOf(rawHeaders, "content-length").join() === "0"
}

function readableCodings({ status, rawHeaders }: ReplyHead): readonly Coding[] {
  if (status === 206) {
    throw refusedPart("it is a part, which may begin or end within a value")
  }
  const transfer = valuesOf(rawHeaders, "transfer-encoding").map((value) => value.toLowerCase())
  if (transfer.some((value) => value !== "chunked" && value !== "identity")) {
    throw refused("its Transfer-Encoding is not chunked", HINT)
  }
  if (!isSearchableCharset(rawHeaders)) {
    const hint = "ask for it in UTF-8, in Accept and in Accept-Charset"
    throw refused("its charset is none in which they are looked for", hint)
  }
  const codings = codingsOf(codingNames(rawHeaders))
  if ("why" in codings) throw refused(codings.why, HINT)
  return codings
}

/** How much is read before the head is handed on: what tells its length, or whether it decodes. */
function aheadOf({ rawHeaders }: ReplyHead, codings: readonly Coding[]): number {
  if (valuesOf(rawHeaders, "content-type").some((type) => /^text\/event-stream\b/i.test(type))) {
    return 0
  }
  const [length] = valuesOf(rawHeaders, "content-length")
  if (length !== undefined && Number(length) <= SHORT) return SHORT + 1
  return codings.length > 0 ? 1 : 0
}

/** The head that fits the body as it is now. */
function reframed(head: ReplyHead, { isWhole, length }: Begun): ReplyHead {
  const rawHeaders = withoutHeaders(head.rawHeaders, (name) => FRAMING.has(name) || isDigest(name))
  if (isWhole) rawHeaders.push("Content-Length", String(length))
  return { ...head, rawHeaders }
}

const FRAMING = new Set([
  "accept-ranges",
  "content-encoding",
  "content-length",
  "transfer-encoding",
])

function scrubTexts({ status, statusText, rawHeaders }: ReplyHead, sieve: Sieve): ReplyHead {
  const [clean = "", ...headers] = sieve.head([statusText, ...rawHeaders])
  return { status, statusText: clean, rawHeaders: withoutFoundNames(rawHeaders, headers) }
}

/** A header whose name holds a value is left out: a marker is not a name. */
function withoutFoundNames(raw: readonly string[], clean: readonly string[]): string[] {
  return clean.filter((_, at) => clean[at - (at % 2)] === raw[at - (at % 2)])
}

const HINT = "ask for it without an encoding: Accept-Encoding: identity"

async function* refusing(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* body
  } catch (error) {
    throw error instanceof Undecodable ? refused(error.message, HINT, error) : error
  }
}

function refused(why: string, hint: string, cause?: Error): VaultError {
  return new VaultError("REPLY_REFUSED", `the reply cannot be searched for values: ${why}`, {
    hint,
    cause,
  })
}
