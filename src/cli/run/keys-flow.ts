import { writeSync } from "node:fs"
import type { PseudoTerminal } from "./pseudo-terminal.js"

const RETRY_MS = 10

/**
 * Hands each key to the program's terminal. Nothing waits there for a program that does not read:
 * then the keys wait here, and no more are taken.
 */
export class KeysFlow {
  readonly #from: NodeJS.ReadStream
  readonly #to: PseudoTerminal
  #rest: Buffer = Buffer.alloc(0)
  #timer: NodeJS.Timeout | undefined
  readonly #take = (keys: Buffer): void => {
    this.#rest = Buffer.concat([this.#rest, keys])
    this.#hand()
  }

  constructor(from: NodeJS.ReadStream, to: PseudoTerminal) {
    this.#from = from
    this.#to = to
  }

  start(): void {
    this.#from.removeListener("data", this.#take)
    this.#from.on("data", this.#take)
    // A terminal that is closed tells so by a signal as well.
    this.#from.on("error", () => {})
    if (this.#timer === undefined) this.#from.resume()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#from.removeListener("data", this.#take)
    this.#from.pause()
  }

  /** Node would wait in a circle, with all else standing still, for a terminal that takes no more. */
  #hand(): void {
    this.#timer = undefined
    while (this.#rest.length > 0) {
      const count = writeNow(this.#to.descriptor, this.#rest)
      if (count === undefined) return this.#later()
      this.#rest = this.#rest.subarray(count)
    }
    this.#from.resume()
  }

  #later(): void {
    this.#from.pause()
    this.#timer = setTimeout(() => this.#hand(), RETRY_MS)
  }
}

/** How much was taken; all of it, if nobody is there to take it; undefined for nothing yet. */
function writeNow(descriptor: number, bytes: Uint8Array): number | undefined {
  try {
    return writeSync(descriptor, bytes)
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EAGAIN"
      ? undefined
      : bytes.length
  }
}
