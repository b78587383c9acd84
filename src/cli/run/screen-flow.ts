import { readSync } from "node:fs"
import type { Writable } from "node:stream"
import type { ScreenRedactor } from "../../core/index.js"
import { isClosedPipe } from "../terminal/terminal.js"
import type { PseudoTerminal } from "./pseudo-terminal.js"

/** As long as what may be the beginning of a value waits for more: nobody sees the difference. */
const LONGEST_WAIT_MS = 50
const CHUNK = 64 * 1024
/** More than a pseudo-terminal holds: whoever still writes has outlived the program. */
const MOST_LEFT = 16 * CHUNK

/** Hands on what a program writes to its terminal, no faster than it is taken. */
export class ScreenFlow {
  readonly #from: PseudoTerminal
  readonly #to: Writable
  readonly #redactor: ScreenRedactor
  /** Hears of which secrets it found something so far. */
  readonly #hear: (found: readonly string[]) => void
  #timer: NodeJS.Timeout | undefined
  #isFull = false
  /** Whether the program has ended, and how much may be read of what is behind it. */
  #isLast = false
  #left = MOST_LEFT
  #isEnded = false
  #finish: (error: Error | undefined) => void = () => {}
  readonly #onError = (error: Error): void => this.#stop(error)
  /** Resolves when all is handed on; with the error, if it could not be. */
  readonly ended: Promise<Error | undefined>

  constructor(
    from: PseudoTerminal,
    to: Writable,
    redactor: ScreenRedactor,
    hear: (found: readonly string[]) => void,
  ) {
    this.#from = from
    this.#to = to
    this.#redactor = redactor
    this.#hear = hear
    this.ended = new Promise((resolve) => (this.#finish = resolve))
    to.once("error", this.#onError)
    from.ours.on("data", (chunk: Buffer) => this.#take(chunk))
    // On macOS, the other end is gone when the program's session is.
    from.ours.once("error", () => this.#end())
    from.ours.once("end", () => this.#end())
  }

  /** Hands on what the program has written until now. */
  catchUp(): void {
    this.#readNow()
    this.#write(this.#redactor.release())
    if (!this.#isFull) this.#from.ours.resume()
  }

  /** The program has ended: what it wrote is read, and what others write behind it is not. */
  drain(): void {
    this.#isLast = true
    if (this.#readNow()) this.#end()
  }

  /** Reads all that is there; false if it cannot be handed on yet. */
  #readNow(): boolean {
    const { ours, descriptor } = this.#from
    while (!this.#isFull && ours.readableLength > 0 && ours.read() !== null);
    if (this.#isEnded) return true
    ours.pause()
    const buffer = Buffer.alloc(CHUNK)
    while (!this.#isFull) {
      const count = this.#left > 0 ? readNow(descriptor, buffer) : 0
      if (count === 0) return true
      if (this.#isLast) this.#left -= count
      this.#take(Buffer.from(buffer.subarray(0, count)))
    }
    return false
  }

  #take(chunk: Buffer): void {
    this.#write(this.#redactor.push(chunk, performance.now()))
    this.#hear(this.#redactor.foundNames)
    this.#setTimer()
  }

  #setTimer(): void {
    clearTimeout(this.#timer)
    const since = this.#redactor.waitsSince
    if (since === undefined) return
    const wait = since + LONGEST_WAIT_MS - performance.now()
    this.#timer = setTimeout(() => this.#handOut(), wait)
  }

  /**
   * Hands out what waits; not before all is read that was written meanwhile, which may be the rest of
   * a value: on a busy machine this is called late. While nothing is taken, nobody sees that it waits.
   */
  #handOut(): void {
    if (this.#isFull) return
    const since = this.#redactor.waitsSince
    this.#readNow()
    if (this.#redactor.waitsSince === since) this.#write(this.#redactor.release())
    if (!this.#isFull) this.#from.ours.resume()
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#to.write(bytes) || this.#isFull) return
    this.#isFull = true
    this.#from.ours.pause()
    this.#to.once("drain", () => {
      this.#isFull = false
      if (this.#isLast) return this.drain()
      this.#from.ours.resume()
      this.#setTimer()
    })
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearTimeout(this.#timer)
    const last = this.#redactor.end()
    this.#hear(this.#redactor.foundNames)
    this.#to.write(last, (error) => {
      if (error) return this.#stop(error)
      this.#close(undefined)
    })
  }

  #stop(error: Error): void {
    this.#close(isClosedPipe(error) || isGone(error) ? undefined : error)
  }

  #close(error: Error | undefined): void {
    this.#isEnded = true
    clearTimeout(this.#timer)
    this.#to.removeListener("error", this.#onError)
    this.#from.ours.destroy()
    this.#finish(error)
  }
}

/** What can be read at once; 0 for nothing, or if there is no other end any more. */
function readNow(descriptor: number, buffer: Uint8Array): number {
  try {
    return readSync(descriptor, buffer)
  } catch {
    return 0
  }
}

/** A terminal that was closed, while we wrote to it. */
function isGone(error: Error): boolean {
  return "code" in error && error.code === "EIO"
}
