import type { Needles } from "./needles.js"

const NONE = -1
const ROOT = -1

/** All needles that begin with the same bytes: a place in the tree that the needles are. */
export class Branch {
  readonly #needles: Needles
  /** The range of the needles, and how many bytes they share. */
  first = 0
  to = 0
  depth = 0

  constructor(needles: Needles) {
    this.#needles = needles
    this.toRoot()
  }

  toRoot(): void {
    this.first = 0
    this.to = this.#needles.count
    this.depth = 0
  }

  /** The needle that is just these bytes; -1 if there is none. */
  get complete(): number {
    return this.depth > 0 && this.#needles.length(this.first) === this.depth ? this.first : NONE
  }

  /** Goes on with a byte, if a needle does. */
  enter(byte: number): boolean {
    const from = this.complete === NONE ? this.first : this.first + 1
    if (from === this.to) return false
    const [lowest, highest] = [this.#byteOf(from), this.#byteOf(this.to - 1)]
    if (byte < lowest || byte > highest) return false
    const first = byte === lowest ? from : this.#firstFrom(byte, from)
    const to = byte === highest ? this.to : this.#firstFrom(byte + 1, first)
    if (first === to) return false
    this.first = first
    this.to = to
    this.depth += 1
    return true
  }

  #byteOf(needle: number): number {
    const { bytes, starts } = this.#needles
    return bytes[(starts[needle] ?? 0) + this.depth] ?? 0
  }

  /** The first needle, from `from` on, that goes on with `byte` or a higher one. */
  #firstFrom(byte: number, from: number): number {
    let low = from
    let high = this.to
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#byteOf(middle) < byte) low = middle + 1
      else high = middle
    }
    return low
  }
}

/**
 * Needles as one automaton (Aho and Corasick, "Efficient string matching", 1975): for each beginning
 * of a needle, its longest end that a needle begins with, and its longest end that is a needle. A
 * beginning is told by the first needle that has it, and its length. Longer ones than `longest`
 * have no links.
 */
export class Links {
  readonly needles: Needles
  /** The bytes that needles begin with: 1 for each. */
  readonly #begins = new Uint8Array(256)
  /** The number of each needle's first beginning. */
  readonly #bases: Int32Array
  /** Of each beginning: its range, the number of its longest end, and its longest end in full. */
  readonly #first: Int32Array
  readonly #to: Int32Array
  readonly #fail: Int32Array
  readonly #ends: Int32Array

  constructor(needles: Needles, longest: number) {
    this.needles = needles
    this.#bases = new Int32Array(needles.count + 1)
    for (let needle = 0; needle < needles.count; needle += 1) {
      this.#begins[needles.bytes[needles.starts[needle] ?? 0] ?? 0] = 1
      const size = Math.min(needles.length(needle), longest)
      this.#bases[needle + 1] = (this.#bases[needle] ?? 0) + size
    }
    const count = this.#bases[needles.count] ?? 0
    this.#first = new Int32Array(count)
    this.#to = new Int32Array(count)
    this.#fail = new Int32Array(count)
    this.#ends = new Int32Array(count)
    this.#link(longest)
  }

  /** Whether a needle begins with a byte. */
  canBegin(byte: number): boolean {
    return this.#begins[byte] === 1
  }

  /** Goes to the longest end of a branch, not of the root, that a needle begins with. */
  fall(branch: Branch): void {
    this.#go(branch, this.#fail[this.#number(branch.first, branch.depth)] ?? ROOT)
  }

  /** The longest needle that a branch ends with, other than the branch itself; -1 for none. */
  endOf(branch: Branch): number {
    return this.#ends[this.#number(branch.first, branch.depth)] ?? NONE
  }

  /** The longest needle that a needle ends with. */
  endOfNeedle(needle: number): number {
    return this.#ends[this.#number(needle, this.needles.length(needle))] ?? NONE
  }

  #number(needle: number, depth: number): number {
    return (this.#bases[needle] ?? 0) + depth - 1
  }

  #go(branch: Branch, number: number): void {
    if (number === ROOT) {
      branch.toRoot()
      return
    }
    const needle = this.#first[number] ?? 0
    branch.first = needle
    branch.to = this.#to[number] ?? 0
    branch.depth = number - (this.#bases[needle] ?? 0) + 1
  }

  /** The shorter beginnings first: the links of longer ones lead through theirs. */
  #link(longest: number): void {
    const { bytes, starts } = this.needles
    let level = [0, this.needles.count]
    for (let depth = 0; depth < longest && level.length > 0; depth += 1) {
      const next: number[] = []
      for (let at = 0; at < level.length; at += 2) {
        const [first = 0, to = 0] = [level[at], level[at + 1]]
        const isComplete = depth > 0 && this.needles.length(first) === depth
        for (let from = isComplete ? first + 1 : first; from < to;) {
          const byte = bytes[(starts[from] ?? 0) + depth] ?? 0
          let end = from + 1
          while (end < to && bytes[(starts[end] ?? 0) + depth] === byte) end += 1
          this.#first[this.#number(from, depth + 1)] = from
          this.#linkOne(
            this.#number(from, depth + 1),
            end,
            depth === 0 ? ROOT : this.#number(first, depth),
            byte,
          )
          next.push(from, end)
          from = end
        }
      }
      level = next
    }
  }

  #linkOne(number: number, to: number, parent: number, byte: number): void {
    this.#to[number] = to
    const branch = new Branch(this.needles)
    let isFound = false
    for (let from = parent; from !== ROOT && !isFound;) {
      from = this.#fail[from] ?? ROOT
      this.#go(branch, from)
      isFound = branch.enter(byte)
    }
    this.#fail[number] = isFound ? this.#number(branch.first, branch.depth) : ROOT
    if (!isFound) this.#ends[number] = NONE
    else this.#ends[number] = branch.complete === NONE ? this.endOf(branch) : branch.complete
  }
}
