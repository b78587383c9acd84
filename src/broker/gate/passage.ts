import { Readable } from "node:stream"
import { VaultError } from "../../core/index.js"
import { AWS_CHUNKED, type Framed, framedPieces } from "../coding/aws-chunked.js"
import { codingNames, codingsOf, valuesOf, withoutHeaders } from "../coding/coding.js"
import { Undecodable, decoded } from "../coding/decode.js"
import { isDigest } from "../coding/digest-header.js"
import { type Begun, readAhead } from "../coding/read-ahead.js"
import type { LiveValues } from "../live/live-values.js"
import { type Pieces, Sieve } from "../live/sieve.js"
import type { RequestHead } from "../placing/request-head.js"
import type { GateMode } from "./gate.js"

/** A body that is said to be no longer is looked at before any of the request leaves. */
const AHEAD = 64 * 1024
/** A body in which values are replaced is held as a whole, up to so many bytes, for its length. */
const HELD = 16 * 2 ** 20
/** What such a body, or one with an encoding, may become when it is decoded. */
const HELD_DECODED = 64 * 2 ** 20
const NO_BYTES = new Uint8Array(0)

/** The secrets whose values are meant for a host. */
interface Meant {
  readonly inHead: ReadonlySet<string>
  readonly inContent: ReadonlySet<string>
}

/** A request as it may leave. */
interface Passed {
  readonly head: RequestHead
  readonly body: Readable
}

/**
 * One request on its way to one host, or what a program sends over WebSocket. Nothing changes where
 * nothing is found, or the gate is `off`.
 */
export class Passage {
  readonly mode: GateMode
  readonly #host: string
  readonly #inHead: Sieve
  readonly #inContent: Sieve

  /** Made by `Gate.towards`. */
  constructor(mode: GateMode, host: string, live: LiveValues, meant: Meant) {
    this.mode = mode
    this.#host = host
    this.#inHead = new Sieve(() => live.besides(meant.inHead))
    this.#inContent = new Sieve(() => live.besides(meant.inContent))
  }

  /** The names of the secrets whose values were found so far, for the audit. */
  get found(): ReadonlySet<string> {
    return new Set([...this.#inHead.found, ...this.#inContent.found])
  }

  /**
   * The head as it may leave: its target and headers. Throws `GATE_REFUSED`, also under `redact` for
   * a value in the name of a header.
   */
  head(head: RequestHead): RequestHead {
    if (this.mode === "off") return head
    const [found = "", ...clean] = this.#inHead.head([head.target, ...head.rawHeaders])
    const target = withMarkersEncoded(head.target, found)
    return { ...head, target, rawHeaders: this.#cleanHeaders(head.rawHeaders, clean, "head") }
  }

  /**
   * What follows a body, names and values in turn; without its digests, if the body is another now.
   * Throws `GATE_REFUSED`, as {@link head} does.
   */
  trailers(rawTrailers: readonly string[]): readonly string[] {
    if (this.mode === "off") return rawTrailers
    const clean = this.#cleanHeaders(rawTrailers, this.#inHead.head(rawTrailers), "end")
    return this.#inContent.found.size === 0 ? clean : withoutHeaders(clean, isDigest)
  }

  /**
   * The body as it may leave, and the head with the framing that fits it. Under `refuse` a body flows
   * through, and fails with `GATE_REFUSED` before the end of a value leaves: whoever sends it on
   * breaks the request off. Throws `GATE_REFUSED` for a body that nobody can look into.
   */
  async body(head: RequestHead, body: AsyncIterable<Uint8Array>): Promise<Passed> {
    if (this.mode === "off" || !hasBody(head)) {
      return { head, body: Readable.from(body, { objectMode: false }) }
    }
    const isCoded = codingsBesides(head).length > 0
    if (isInAwsChunks(head)) {
      return isCoded ? this.#encodedInChunks(head, body) : this.#looked(head, this.#alongside(body))
    }
    if (isCoded) return this.#encoded(head, body)
    return this.mode === "redact" ? this.#redacted(head, body) : this.#looked(head, body)
  }

  /** A text message as it may leave. Throws `GATE_REFUSED`. */
  text(text: string): string {
    if (this.mode === "off") return text
    const redacted = this.#inContent.text(text)
    if (this.mode === "refuse") this.#refuseFound(this.#inContent, "message")
    return redacted
  }

  /** What the pieces of a message of bytes go through: as they may leave. Throws `GATE_REFUSED`. */
  bytes(): Pieces {
    if (this.mode === "off") return { push: (piece) => piece, end: () => NO_BYTES }
    return this.#inContent.pieces(() => {
      if (this.mode === "refuse") this.#refuseFound(this.#inContent, "message")
    })
  }

  #cleanHeaders(
    raw: readonly string[],
    clean: readonly string[],
    where: string,
  ): readonly string[] {
    const isInName = clean.some((text, at) => at % 2 === 0 && text !== raw[at])
    if (this.mode === "refuse" || isInName) this.#refuseFound(this.#inHead, where)
    return clean
  }

  async #looked(head: RequestHead, body: AsyncIterable<Uint8Array>): Promise<Passed> {
    const looked = this.#inContent.stream(body, () => this.#refuseFound(this.#inContent, "body"))
    const length = lengthOf(head)
    const begun = await readAhead(looked, length !== undefined && length <= AHEAD ? AHEAD + 1 : 0)
    return { head, body: begun.stream() }
  }

  /**
   * A body in chunks, as it is, behind what its chunks hold: nothing leaves of which the search does
   * not know yet whether it is the beginning of a value. A value in it is refused under `redact` too,
   * since the checksum behind it would not fit.
   */
  async *#alongside(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    const waiting: Framed[] = []
    async function* data(): AsyncGenerator<Uint8Array, void, void> {
      for await (const piece of framedPieces(body)) {
        waiting.push(piece)
        if (piece.isData) yield piece.bytes
      }
    }
    const looked = this.#inContent.stream(data(), () => this.#refuseFound(this.#inContent, "body"))
    try {
      for await (const { length } of looked) yield* upTo(length, waiting)
    } catch (error) {
      throw error instanceof Undecodable ? this.#unreadable(error.message, error) : error
    }
    for (const { bytes } of waiting) yield bytes
  }

  async #redacted(head: RequestHead, body: AsyncIterable<Uint8Array>): Promise<Passed> {
    const length = lengthOf(head)
    const isHeld = length !== undefined && length <= HELD
    const begun = await readAhead(this.#inContent.stream(body), isHeld ? HELD_DECODED : 0)
    if (begun.isWhole && this.#inContent.found.size === 0) return { head, body: begun.stream() }
    const framed = reframed(head, begun.isWhole ? begun.length : undefined)
    return { head: framed, body: begun.stream() }
  }

  async #encoded(head: RequestHead, body: AsyncIterable<Uint8Array>): Promise<Passed> {
    const sent = await this.#held(body)
    if (sent.length === 0) return { head, body: sent.stream() }
    const clean = await this.#decoded(head, sent.stream(), () => {
      if (this.mode === "refuse") this.#refuseFound(this.#inContent, "body")
    })
    if (this.#inContent.found.size === 0) return { head, body: await this.#asItIs(sent) }
    return { head: reframed(head, clean.length), body: clean.stream() }
  }

  /**
   * As in {@link #alongside}: as it is, or not at all. What the chunks hold is searched before it is
   * decoded as well: see {@link #asItIs}.
   */
  async #encodedInChunks(head: RequestHead, body: AsyncIterable<Uint8Array>): Promise<Passed> {
    const refuse = (): void => this.#refuseFound(this.#inContent, "body")
    const sent = await this.#held(body)
    async function* data(): AsyncGenerator<Uint8Array, void, void> {
      for await (const piece of framedPieces(sent.stream())) if (piece.isData) yield piece.bytes
    }
    await this.#decoded(head, this.#inContent.stream(data(), refuse), refuse)
    return { head, body: await this.#asItIs(sent) }
  }

  /**
   * An encoded body in which nothing was found, if there is nothing in its bytes either: what decodes
   * it stops where the encoding ends, and whoever gets it may read on.
   */
  async #asItIs({ pieces }: Begun): Promise<Readable> {
    const bytes = Readable.from(pieces, { objectMode: false })
    const looked = this.#inContent.stream(bytes, () => this.#refuseFound(this.#inContent, "body"))
    return (await readAhead(looked, HELD + 1)).stream()
  }

  async #held(body: AsyncIterable<Uint8Array>): Promise<Begun> {
    const sent = await readAhead(body, HELD + 1)
    if (!sent.isWhole) throw this.#unreadable("it has an encoding, and over 16 MiB")
    return sent
  }

  async #decoded(
    head: RequestHead,
    sent: AsyncIterable<Uint8Array>,
    onFound: () => void,
  ): Promise<Begun> {
    const codings = codingsOf(codingsBesides(head))
    if ("why" in codings) throw this.#unreadable(codings.why)
    const looked = this.#inContent.stream(decoded(sent, codings), onFound)
    const clean = await readAhead(looked, HELD_DECODED + 1).catch((error: unknown) => {
      throw error instanceof Undecodable ? this.#unreadable(error.message, error) : error
    })
    if (!clean.isWhole) throw this.#unreadable("it becomes over 64 MiB when it is decoded")
    return clean
  }

  #refuseFound({ found }: Sieve, where: string): void {
    if (found.size === 0) return
    const names = [...found].toSorted()
    const [name = ""] = names
    throw new VaultError(
      "GATE_REFUSED",
      `the ${where} of what the program sends holds ${names.join(", ")}, not meant for ${this.#host}`,
      {
        hint: `if it is meant for that host, an owner says so: agent-vault use ${name} --host ${this.#host}`,
      },
    )
  }

  #unreadable(why: string, cause?: Error): VaultError {
    return new VaultError(
      "GATE_REFUSED",
      `the body of the request cannot be searched for values: ${why}`,
      { hint: "send it without Content-Encoding", cause },
    )
  }
}

/** Takes pieces out, and gives their bytes, up to so many bytes of data. */
function* upTo(length: number, waiting: Framed[]): Generator<Uint8Array> {
  let left = length
  for (let [next] = waiting; next !== undefined; [next] = waiting) {
    const { bytes, isData } = next
    if (isData && left === 0) return
    waiting.shift()
    if (!isData || bytes.length <= left) yield bytes
    else {
      yield bytes.subarray(0, left)
      waiting.unshift({ bytes: bytes.subarray(left), isData })
      return
    }
    if (isData) left -= bytes.length
  }
}

/** In a target a marker is written as a URL writes it. */
function withMarkersEncoded(before: string, target: string): string {
  if (target === before) return before
  return target.replace(/\[REDACTED [^\]]*\]/g, encodeURIComponent)
}

/** The names of its codings but for AWS's chunks, which are put on last, whatever the order says. */
function codingsBesides({ rawHeaders }: RequestHead): readonly string[] {
  return codingNames(rawHeaders).filter((name) => name !== AWS_CHUNKED)
}

/** By either header: services of AWS take the word in place of a digest for it. */
function isInAwsChunks({ rawHeaders }: RequestHead): boolean {
  if (codingNames(rawHeaders).includes(AWS_CHUNKED)) return true
  return valuesOf(rawHeaders, "x-amz-content-sha256").some((word) => /^\s*STREAMING-/i.test(word))
}

/** RFC 9112, section 6.3. */
function hasBody(head: RequestHead): boolean {
  return lengthOf(head) !== undefined || valuesOf(head.rawHeaders, "transfer-encoding").length > 0
}

function lengthOf({ rawHeaders }: RequestHead): number | undefined {
  const [length] = valuesOf(rawHeaders, "content-length")
  return length === undefined ? undefined : Number(length)
}

/** The head for a body that is not as it was; without a length it ends by chunks. */
function reframed(head: RequestHead, length: number | undefined): RequestHead {
  const rawHeaders = withoutHeaders(head.rawHeaders, (name) => FRAMING.has(name) || isDigest(name))
  if (length !== undefined) rawHeaders.push("Content-Length", String(length))
  return { ...head, rawHeaders }
}

const FRAMING = new Set(["content-encoding", "content-length", "transfer-encoding"])
