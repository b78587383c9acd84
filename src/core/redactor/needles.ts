/** A form of a secret, ready to be sorted in. */
export interface Needle {
  readonly bytes: Buffer
  /** Which secret it is, by its place among all. */
  readonly secret: number
}

/** How many bytes the index knows of a needle's beginning: what one 32-bit number holds. */
export const KEY_LENGTH = 4
const EMPTY = -1

/**
 * Needles, in the order of their bytes and packed into one piece of memory, so that those with a
 * common beginning stand side by side, the shortest first: what is still possible after some bytes
 * is a range. An index finds the range of the first 4 bytes at once. Every needle has at least 6.
 */
export class Needles {
  readonly count: number
  readonly bytes: Uint8Array
  /** Where each begins in `bytes`, and last where all end. */
  readonly starts: Int32Array
  /** The secret of each. */
  readonly secrets: Int32Array
  /** An open hash table: keys, and the first needle and the end of the range of each. */
  readonly #keys: Int32Array
  readonly #from: Int32Array
  readonly #to: Int32Array
  /** How many bytes the longest of them has. */
  readonly #longest: Int32Array
  readonly #shift: number

  /** Of needles with the same bytes, the one of the first secret is kept. */
  constructor(needles: readonly Needle[]) {
    const sorted = needles
      .toSorted((a, b) => Buffer.compare(a.bytes, b.bytes) || a.secret - b.secret)
      .filter(({ bytes }, i, all) => i === 0 || !all[i - 1]?.bytes.equals(bytes))
    this.count = sorted.length
    this.bytes = Buffer.concat(sorted.map(({ bytes }) => bytes))
    this.starts = new Int32Array(sorted.length + 1)
    for (const [i, { bytes }] of sorted.entries()) {
      this.starts[i + 1] = (this.starts[i] ?? 0) + bytes.length
    }
    this.secrets = Int32Array.from(sorted, ({ secret }) => secret)

    const bits = Math.max(4, Math.ceil(Math.log2(sorted.length * 2 + 1)))
    this.#shift = 32 - bits
    this.#keys = new Int32Array(1 << bits)
    this.#from = new Int32Array(1 << bits).fill(EMPTY)
    this.#to = new Int32Array(1 << bits)
    this.#longest = new Int32Array(1 << bits)
    for (let i = 0; i < sorted.length; i += 1) this.#index(i)
  }

  /** How long a needle is. */
  length(needle: number): number {
    return (this.starts[needle + 1] ?? 0) - (this.starts[needle] ?? 0)
  }

  /** Whether a needle is the beginning of another. */
  begins(needle: number, other: number): boolean {
    const [from = 0, to = 0] = this.starts.subarray(needle, needle + 2)
    const start = this.starts[other] ?? 0
    const end = Math.min(this.starts[other + 1] ?? 0, start + to - from)
    return Buffer.compare(this.bytes.subarray(from, to), this.bytes.subarray(start, end)) === 0
  }

  /** How many bytes the longest has that begins with the same 4 bytes as a needle. */
  longestLike(needle: number): number {
    return this.#longest[this.#slot(keyAt(this.bytes, this.starts[needle] ?? 0))] ?? 0
  }

  /** The slot of the index for needles that begin with `key`, see {@link keyAt}; -1 if none do. */
  find(key: number): number {
    const slot = this.#slot(key)
    return this.#from[slot] === EMPTY ? EMPTY : slot
  }

  /** The range of a slot: its first needle, and the one after its last. */
  range(slot: number): readonly [from: number, to: number] {
    return [this.#from[slot] ?? 0, this.#to[slot] ?? 0]
  }

  #index(needle: number): void {
    const key = keyAt(this.bytes, this.starts[needle] ?? 0)
    const slot = this.#slot(key)
    if (this.#from[slot] === EMPTY) this.#from[slot] = needle
    this.#keys[slot] = key
    this.#to[slot] = needle + 1
    this.#longest[slot] = Math.max(this.#longest[slot] ?? 0, this.length(needle))
  }

  /** Where `key` is, or would be put. */
  #slot(key: number): number {
    let slot = scatter(key, this.#shift)
    while (this.#from[slot] !== EMPTY && this.#keys[slot] !== key) {
      slot = (slot + 1) & (this.#keys.length - 1)
    }
    return slot
  }
}

/** The 4 bytes at a place as a number, the first one lowest. */
export function keyAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  )
}

/** A key, spread over a table of `1 << (32 - shift)` entries: Knuth's multiplicative hash. */
export function scatter(key: number, shift: number): number {
  return Math.imul(key, 0x9e3779b1) >>> shift
}
