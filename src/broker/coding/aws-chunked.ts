import { Undecodable } from "./decode.js"

/** The coding of bodies that are sent to S3 in pieces, with a checksum behind the last one. */
export const AWS_CHUNKED = "aws-chunked"

/** A piece of such a body, as it was sent: what is uploaded, or what frames it. */
export interface Framed {
  readonly bytes: Uint8Array
  readonly isData: boolean
}

/** Bytes of a line that begins a chunk: its size, and its signature if it has one. */
const LONGEST_LINE = 1024
/** Bytes of what follows the last chunk. */
const LONGEST_END = 16 * 1024
const SIZE = /^([0-9a-f]{1,12})(?:;[!-~]*)?\r\n$/i

/**
 * Takes a body apart that is coded as `aws-chunked` (AWS, "Transferring payload in multiple chunks"):
 * `SIZE[;chunk-signature=…]` in hex, the chunk, and so on until a chunk of 0 bytes; then trailers. All
 * bytes come out again, in their order. Throws {@link Undecodable}, and what `body` throws.
 */
export async function* framedPieces(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Framed, void, void> {
  const chunks = new Chunks()
  for await (const piece of body) yield* chunks.take(Buffer.from(piece))
  chunks.end()
}

class Chunks {
  /** What of a line is there. */
  #line = Buffer.alloc(0)
  /** Bytes of the present chunk that are still to come; undefined behind the last one. */
  #left: number | undefined = 0
  #isWithin = false
  #ended = 0

  end(): void {
    if (this.#left !== undefined) throw new Undecodable("it ends amid its chunks")
  }

  *take(piece: Buffer): Generator<Framed> {
    for (let rest = piece; rest.length > 0;) {
      const length = this.#lengthOf(rest)
      const bytes = rest.subarray(0, length)
      const left = this.#dataLeft
      if (left > 0) this.#left = left - length
      else this.#frame(bytes)
      yield { bytes, isData: left > 0 }
      rest = rest.subarray(length)
    }
  }

  /** Bytes of a chunk that come next; 0 where what frames it does. */
  get #dataLeft(): number {
    return this.#isWithin ? (this.#left ?? 0) : 0
  }

  /** How much of what is there belongs together. */
  #lengthOf(rest: Buffer): number {
    if (this.#left === undefined) return rest.length
    if (this.#dataLeft > 0) return Math.min(this.#dataLeft, rest.length)
    return rest.indexOf("\n") + 1 || rest.length
  }

  #frame(bytes: Buffer): void {
    if (this.#left === undefined) {
      this.#ended += bytes.length
      if (this.#ended > LONGEST_END) throw new Undecodable("much follows its last chunk")
      return
    }
    this.#line = Buffer.concat([this.#line, bytes])
    if (this.#line.length > LONGEST_LINE) throw new Undecodable("it is not in chunks")
    if (!this.#line.includes("\n")) return
    const line = this.#line.toString("latin1")
    this.#line = Buffer.alloc(0)
    // Behind a chunk there is an empty line.
    if (this.#isWithin && line !== "\r\n") throw new Undecodable("a chunk is longer than it says")
    this.#isWithin = !this.#isWithin
    if (this.#isWithin) this.#begin(line)
  }

  #begin(line: string): void {
    const [, size] = SIZE.exec(line) ?? []
    if (size === undefined) throw new Undecodable("it is not in chunks")
    const length = parseInt(size, 16)
    this.#left = length === 0 ? undefined : length
  }
}
