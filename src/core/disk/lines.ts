const NEWLINE = 0x0a
const FIRST_SIZE = 64 * 1024

/** Cuts a stream into lines, and holds no more than the limit of one. */
export class Lines {
  readonly #limit: number
  #held = Buffer.alloc(0)
  #length = 0
  #isTooLong = false

  /** `limit` is in bytes, without the line's end. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** The lines that are complete now; undefined as soon as one is too long: its rest is skipped. */
  *push(chunk: Uint8Array): Generator<Buffer | undefined> {
    for (let start = 0; start < chunk.length;) {
      const end = chunk.indexOf(NEWLINE, start)
      const part = chunk.subarray(start, end === -1 ? chunk.length : end)
      if (!this.#isTooLong && this.#length + part.length > this.#limit) {
        this.#isTooLong = true
        yield undefined
      }
      if (!this.#isTooLong) this.#hold(part)
      if (end !== -1) yield* this.end()
      start = end === -1 ? chunk.length : end + 1
    }
  }

  /** The line that has no end yet. */
  *end(): Generator<Buffer> {
    const line = Buffer.from(this.#held.subarray(0, this.#length))
    const isWhole = !this.#isTooLong
    if (this.#held.length > FIRST_SIZE) this.#held = Buffer.alloc(0)
    this.#length = 0
    this.#isTooLong = false
    if (isWhole && line.length > 0) yield line
  }

  #hold(part: Uint8Array): void {
    const length = this.#length + part.length
    if (length > this.#held.length) {
      const larger = Buffer.alloc(Math.max(FIRST_SIZE, length, 2 * this.#held.length))
      this.#held.copy(larger, 0, 0, this.#length)
      this.#held = larger
    }
    this.#held.set(part, this.#length)
    this.#length = length
  }
}
