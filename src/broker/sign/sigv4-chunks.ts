import { hash, timingSafeEqual } from "node:crypto"
import { type Framed, framedPieces } from "../coding/aws-chunked.js"
import { Undecodable } from "../coding/decode.js"
import { type SigV4, hmac, refusedToSign } from "./sigv4.js"

/** A signing key, and the signature of the head, which the first chunk's is over. */
interface ChunkSigner {
  readonly key: Buffer
  readonly signature: string
}

/** Of one chunk so many bytes are held, until its signature in front of it is known. */
const LONGEST_CHUNK = 16 * 2 ** 20
const BEGINNING = /^([0-9a-f]{1,12};chunk-signature=)([0-9a-f]{64})(\r\n)$/
const TRAILER_SIGNATURE = /^(x-amz-trailer-signature:[ \t]*)([0-9a-f]{64})([ \t]*)$/i
/** The SHA-256 of no bytes, in hex. */
const EMPTY = hash("sha256", "")

/**
 * A body whose chunks are signed one by one, each signature over the last (AWS, "Signature calculations
 * for the authorization header: transferring payload in multiple chunks"), signed by another in place
 * of the client. Sizes and data stay as they are, so the length does. Throws PLACEHOLDER_REFUSED for a
 * chunk or a trailer that the client did not sign, and one over 16 MiB; and what `body` throws.
 */
export async function* chunksSignedAnew(
  body: AsyncIterable<Uint8Array>,
  sigV4: SigV4,
  from: ChunkSigner,
  to: ChunkSigner,
): AsyncGenerator<Uint8Array, void, void> {
  const chunks = new SignedChunks(sigV4, from, to)
  try {
    for await (const piece of framedPieces(body)) yield* chunks.take(piece)
  } catch (error) {
    throw error instanceof Undecodable ? refusedToSign(error.message) : error
  }
  yield* chunks.end()
}

class SignedChunks {
  readonly #sigV4: SigV4
  #from: ChunkSigner
  #to: ChunkSigner
  /** What frames the chunks, as far as it is there; behind the last one, all that follows. */
  #frame = ""
  #beginning: RegExpExecArray | undefined
  #isBehindLast = false
  #data: Uint8Array[] = []
  #length = 0

  constructor(sigV4: SigV4, from: ChunkSigner, to: ChunkSigner) {
    this.#sigV4 = sigV4
    this.#from = from
    this.#to = to
  }

  *take({ bytes, isData }: Framed): Generator<Uint8Array> {
    if (isData) {
      this.#data.push(bytes)
      this.#length += bytes.length
      if (this.#length > LONGEST_CHUNK) throw refusedToSign("a chunk of its body is over 16 MiB")
      return
    }
    this.#frame += Buffer.from(bytes).toString("latin1")
    if (this.#isBehindLast || !this.#frame.endsWith("\n")) return
    const line = this.#frame
    this.#frame = ""
    if (this.#beginning === undefined) yield* this.#begin(line)
    else yield* this.#chunk(this.#beginning, line)
  }

  /** What follows the last chunk: trailers, with a signature over the others if they have one. */
  *end(): Generator<Uint8Array> {
    const lines = this.#frame.split("\r\n")
    const at = lines.findIndex((line) => TRAILER_SIGNATURE.test(line))
    const [, name = "", signature, behind = ""] = TRAILER_SIGNATURE.exec(lines[at] ?? "") ?? []
    if (signature !== undefined) {
      const others = lines.filter((line, index) => index !== at && line !== "")
      const said = others.map((line) => line.replace(/^([^:]*):[ \t]*(.*?)[ \t]*$/, canonicalLine))
      const digest = hash("sha256", Buffer.from(said.join(""), "latin1"))
      lines[at] = `${name}${this.#signed("TRAILER", [digest], signature)}${behind}`
    }
    yield Buffer.from(lines.join("\r\n"), "latin1")
  }

  *#begin(line: string): Generator<Uint8Array> {
    const beginning = BEGINNING.exec(line)
    if (beginning === null) throw refusedToSign("a chunk of its body is not signed")
    this.#beginning = beginning
    if (parseInt(line, 16) > 0) return
    this.#isBehindLast = true
    yield* this.#chunk(beginning, "")
  }

  *#chunk([, size = "", signature = "", end = ""]: RegExpExecArray, behind: string) {
    const data = Buffer.concat(this.#data)
    yield Buffer.from(
      `${size}${this.#signed("PAYLOAD", [EMPTY, hash("sha256", data)], signature)}${end}`,
    )
    yield data
    yield Buffer.from(behind)
    this.#beginning = undefined
    this.#data = []
    this.#length = 0
  }

  /** Proves a signature, and makes the other's in its place. */
  #signed(what: "PAYLOAD" | "TRAILER", digests: readonly string[], given: string): string {
    const { time, scope } = this.#sigV4
    const by = ({ key, signature }: ChunkSigner): string => {
      const terms = [`AWS4-HMAC-SHA256-${what}`, time, scope, signature, ...digests]
      return hmac(key, terms.join("\n")).toString("hex")
    }
    if (!timingSafeEqual(Buffer.from(by(this.#from)), Buffer.from(given))) {
      throw refusedToSign("a chunk of its body is signed with another key")
    }
    this.#from = { ...this.#from, signature: given }
    this.#to = { ...this.#to, signature: by(this.#to) }
    return this.#to.signature
  }
}

function canonicalLine(_line: string, name: string, value: string): string {
  return `${name.toLowerCase()}:${value}\n`
}
