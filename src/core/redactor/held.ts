const SMALLEST = 1024
/** A larger buffer is given back when it is empty. */
const KEPT = 256 * 1024

/**
 * Bytes that wait for those to come. Appending costs what is appended, on average: the memory
 * doubles, and moves only when half of it is free.
 */
export class Held {
  #buffer = new Uint8Array(0)
  #start = 0
  #end = 0

  get length(): number {
    return this.#end - this.#start
  }

  /** Adds bytes, and shows all that are held: valid until the next call. */
  append(bytes: Uint8Array): Uint8Array {
    this.#makeRoom(bytes.length)
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.length
    return this.#buffer.subarray(this.#start, this.#end)
  }

  /** Lets go of the first `count` bytes. */
  drop(count: number): void {
    this.#start += count
    if (this.#start < this.#end) return
    this.#start = 0
    this.#end = 0
    if (this.#buffer.length > KEPT) this.#buffer = new Uint8Array(0)
  }

  #makeRoom(more: number): void {
    if (this.#end + more <= this.#buffer.length) return
    const needed = this.length + more
    const target =
      needed * 2 <= this.#buffer.length
        ? this.#buffer
        : new Uint8Array(Math.max(SMALLEST, needed * 2))
    target.set(this.#buffer.subarray(this.#start, this.#end))
    this.#buffer = target
    this.#end = this.length
    this.#start = 0
  }
}
