import { randomBytes } from "node:crypto"
import { Transform, type TransformCallback } from "node:stream"
import { VaultError } from "../../core/index.js"
import type { Pieces } from "../live/sieve.js"

/** Which way frames go: those of a client are masked, those of a server are not. */
type FrameWay = "to the server" | "to the client"

/** The head of a frame, and where its payload begins. */
interface FrameHead {
  readonly isLast: boolean
  readonly opcode: number
  readonly length: number
  readonly key: Buffer | undefined
  readonly size: number
}

const CONTINUATION = 0
const TEXT = 1
const BINARY = 2
const END = 8
const CONTROL = new Set([END, 9, 10])
const LONGEST_CONTROL = 125
/** A frame up to this size stays one frame; a longer one is passed on in pieces as it comes. */
const WHOLE_FRAME = 64 * 1024
const NO_BYTES = Buffer.alloc(0)

/**
 * Passes on the frames of a WebSocket (RFC 6455, section 5), and searches each message, however it is
 * cut into frames. Where nothing is found, messages stay byte for byte. Emits `REQUEST_REFUSED` or
 * `REPLY_REFUSED` as its error for what is not a frame, and for frames of an extension, which nobody
 * here can look into.
 */
export class FrameRelay extends Transform {
  readonly #way: FrameWay
  readonly #newSearch: (isText: boolean) => Pieces
  #held: Buffer = NO_BYTES
  /** The frame whose payload comes in pieces, and how much of it is still to come. */
  #open: { readonly head: FrameHead; read: number } | undefined
  /** The message that is under way, and what its next frame is. */
  #message: { readonly search: Pieces; opcode: number } | undefined

  constructor(way: FrameWay, newSearch: (isText: boolean) => Pieces) {
    super()
    this.#way = way
    this.#newSearch = newSearch
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    try {
      while (this.#step()) continue
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  /** Takes a frame, or a piece of one; false if there are too few bytes for more. */
  #step(): boolean {
    if (this.#open !== undefined) return this.#takePiece(this.#open)
    const head = this.#readHead()
    if (head === undefined) return false
    const isWhole = this.#held.length >= head.size + head.length
    if (!isWhole && head.length <= WHOLE_FRAME) return false
    this.#check(head)
    this.#drop(head.size)
    if (CONTROL.has(head.opcode)) this.#control(head, this.#take(head.length, head, 0))
    else if (isWhole) this.#data(this.#take(head.length, head, 0), head.isLast)
    else this.#open = { head, read: 0 }
    return true
  }

  #takePiece(open: { readonly head: FrameHead; read: number }): boolean {
    const { head, read } = open
    const length = Math.min(this.#held.length, head.length - read)
    if (length === 0) return false
    const piece = this.#take(length, head, read)
    open.read += length
    const isEnd = open.read === head.length
    if (isEnd) this.#open = undefined
    this.#data(piece, isEnd && head.isLast)
    return true
  }

  #readHead(): FrameHead | undefined {
    const bytes = this.#held
    const [first, second] = bytes
    if (first === undefined || second === undefined) return undefined
    if ((first & 0x70) !== 0) throw this.#refused("a frame is of an extension")
    const short = second & 0x7f
    const lengthSize = short === 126 ? 2 : short === 127 ? 8 : 0
    const isMasked = (second & 0x80) !== 0
    const size = 2 + lengthSize + (isMasked ? 4 : 0)
    if (bytes.length < size) return undefined
    const length =
      lengthSize === 0
        ? short
        : lengthSize === 2
          ? bytes.readUInt16BE(2)
          : Number(bytes.readBigUInt64BE(2))
    const key = isMasked ? Buffer.from(bytes.subarray(size - 4, size)) : undefined
    return { isLast: (first & 0x80) !== 0, opcode: first & 0x0f, length, key, size }
  }

  #check({ opcode, isLast, length, key }: FrameHead): void {
    if ((key !== undefined) !== (this.#way === "to the server")) {
      throw this.#refused("a frame is masked as the other side's are")
    }
    if (!Number.isSafeInteger(length)) throw this.#refused("a frame is too long")
    if (CONTROL.has(opcode)) {
      const isShort = isLast && length <= LONGEST_CONTROL
      if (!isShort) throw this.#refused("a control frame is too long")
      return
    }
    if (opcode !== CONTINUATION && opcode !== TEXT && opcode !== BINARY) {
      throw this.#refused("a frame is of an unknown kind")
    }
    if ((opcode === CONTINUATION) !== (this.#message !== undefined)) {
      throw this.#refused("frames are out of order")
    }
    if (opcode === CONTINUATION) return
    this.#message = { search: this.#newSearch(opcode === TEXT), opcode }
  }

  /** A piece of a message, searched: nothing is passed on that may be the beginning of a value. */
  #data(piece: Uint8Array, isLast: boolean): void {
    const message = this.#message
    if (message === undefined) return
    const searched = message.search.push(piece)
    const payload = isLast ? Buffer.concat([searched, message.search.end()]) : searched
    if (isLast) this.#message = undefined
    if (payload.length > 0 || isLast) {
      this.#write(message.opcode, isLast, payload)
      message.opcode = CONTINUATION
    }
  }

  /** A ping, a pong, or the end, which has a number and a reason in words. */
  #control({ opcode }: FrameHead, payload: Uint8Array): void {
    const search = this.#newSearch(opcode === END)
    const begin = opcode === END ? payload.subarray(0, 2) : NO_BYTES
    const searched = [begin, search.push(payload.subarray(begin.length)), search.end()]
    this.#write(opcode, true, Buffer.concat(searched).subarray(0, LONGEST_CONTROL))
  }

  #write(opcode: number, isLast: boolean, payload: Uint8Array): void {
    const key = this.#way === "to the server" ? randomBytes(4) : undefined
    const head = Buffer.alloc(10)
    head[0] = (isLast ? 0x80 : 0) | opcode
    const size = writeLength(head, payload.length)
    if (key === undefined) {
      this.push(Buffer.concat([head.subarray(0, size), payload]))
      return
    }
    head[1] = (head[1] ?? 0) | 0x80
    this.push(Buffer.concat([head.subarray(0, size), key, masked(payload, key, 0)]))
  }

  /** The next bytes of a payload, which begin at `at` in it, unmasked. */
  #take(length: number, { key }: FrameHead, at: number): Uint8Array {
    const bytes = this.#held.subarray(0, length)
    this.#drop(length)
    return key === undefined ? bytes : masked(bytes, key, at)
  }

  #drop(length: number): void {
    this.#held = this.#held.subarray(length)
  }

  #refused(why: string): VaultError {
    const code = this.#way === "to the server" ? "REQUEST_REFUSED" : "REPLY_REFUSED"
    return new VaultError(code, `the WebSocket ends: ${why}`, {
      hint: "connect again, without extensions (permessage-deflate)",
    })
  }
}

/** Writes the length of a payload behind the first byte of a head; returns the head's size. */
function writeLength(head: Buffer, length: number): number {
  if (length < 126) {
    head[1] = length
    return 2
  }
  if (length < 65_536) {
    head[1] = 126
    head.writeUInt16BE(length, 2)
    return 4
  }
  head[1] = 127
  head.writeBigUInt64BE(BigInt(length), 2)
  return 10
}

/** Masks a payload, or takes the mask off: `at` is where these bytes begin in it. */
function masked(bytes: Uint8Array, key: Buffer, at: number): Buffer {
  const turned = Buffer.from(bytes)
  for (let index = 0; index < turned.length; index += 1) {
    turned[index] = (turned[index] ?? 0) ^ (key[(at + index) & 3] ?? 0)
  }
  return turned
}
