import { SHORTEST } from "./forms.js"
import { LineEnd } from "./line-end.js"
import type { Branch } from "./links.js"
import { NEAR, reachOf } from "./near.js"
import { KEY_LENGTH, type Needles, keyAt } from "./needles.js"

/** Digits after which a line end may come; with fewer, a line would be held back for nothing. */
export const BEFORE_LINE_END = SHORTEST
/** A needle of the same secret that has only its last digits and padding more. */
export const LAST_GROUP = 4

/**
 * The needles that are still possible from one place of a stream on. It is fed byte by byte, over
 * as many chunks as it takes, and never looks back.
 */
export class Track {
  readonly #needles: Needles
  readonly #wraps: boolean
  /** The range of possible needles, all of which share their first `#depth` bytes. */
  #from = 0
  #to = 0
  #depth = 0
  /** One that begins with the same 4 bytes as they do. */
  #like = 0
  /** How many bytes the needle has that was found last. */
  #complete = 0
  /** Whether nothing of worth could follow that one. */
  #isAll = false
  /** What came since the last digit, if a line ended there. */
  readonly #lineEnd = new LineEnd()

  /** How many bytes of the stream it went over. */
  span = 0
  /** How many of them the longest needle takes that was found so far; 0 for none. */
  found = 0
  /** Whose needle that was. */
  secret = -1

  constructor(needles: Needles, wraps: boolean) {
    this.#needles = needles
    this.#wraps = wraps
  }

  /** Whether a longer needle is still possible. */
  get open(): boolean {
    return this.#from < this.#to
  }

  /**
   * For how many bytes from its beginning a text so near a needle can be held; 0 if it is not near, or
   * is all of one. What begins a longer one, as the first line of a value does, is near that.
   */
  get near(): number {
    if (this.span < NEAR || this.#isAll) return 0
    return reachOf(this.#needles, this.#like, this.#wraps)
  }

  /** The secret of the first needle that is still possible. */
  get likely(): number {
    return this.#needles.secrets[this.#from] ?? -1
  }

  /** Begins anew, at a place of `data`; false if no needle begins so. */
  begin(data: Uint8Array, at: number, end: number): boolean {
    this.found = 0
    this.secret = -1
    this.span = 0
    this.#to = 0
    this.#from = 0
    if (end - at < KEY_LENGTH) {
      this.#follow(0, this.#needles.count, 0)
      return true
    }
    const slot = this.#needles.find(keyAt(data, at))
    if (slot < 0) return false
    const [from, to] = this.#needles.range(slot)
    this.#follow(from, to, KEY_LENGTH)
    return true
  }

  /** Begins anew, with the byte that comes next. */
  beginNext(): void {
    this.found = 0
    this.secret = -1
    this.#follow(0, this.#needles.count, 0)
  }

  /** Takes over a search that came so far; `span` bytes of the stream, none of which it keeps. */
  resume(branch: Branch, lineEnd: LineEnd, span: number): void {
    const isComplete = branch.complete !== -1
    this.#follow(isComplete ? branch.first + 1 : branch.first, branch.to, branch.depth)
    this.#like = branch.first
    this.#complete = isComplete ? branch.depth : 0
    this.#lineEnd.copy(lineEnd)
    this.span = span
  }

  /** Begins nothing. */
  close(): void {
    this.#follow(0, 0, 0)
  }

  /** Goes on, from `at` to `end` at most: as long as a needle is possible. */
  advance(data: Uint8Array, at: number, end: number): void {
    let next = at
    for (; next < end && this.#from < this.#to; next += 1) {
      const byte = data[next] ?? 0
      if (this.#wraps && this.#isLineEnd(byte)) continue
      this.#narrow(byte)
      if (this.#from < this.#to) this.#accept(this.span + next - at + 1)
      else break
    }
    this.span += next - at
  }

  #follow(from: number, to: number, depth: number): void {
    this.#from = from
    this.#to = to
    this.#depth = depth
    this.#like = from
    this.#complete = 0
    this.#isAll = false
    this.#lineEnd.reset()
    this.span = depth
  }

  #close(): false {
    this.#to = this.#from
    return false
  }

  /** Keeps the needles that go on with a byte. */
  #narrow(byte: number): void {
    if (this.#byteOf(this.#from) === byte && this.#byteOf(this.#to - 1) === byte) return
    const from = this.#firstFrom(byte)
    this.#to = this.#firstFrom(byte + 1)
    this.#from = from
  }

  /** The first possible needle that goes on with `byte` or a higher one. */
  #firstFrom(byte: number): number {
    let low = this.#from
    let high = this.#to
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#byteOf(middle) < byte) low = middle + 1
      else high = middle
    }
    return low
  }

  #byteOf(needle: number): number {
    const { bytes, starts } = this.#needles
    return bytes[(starts[needle] ?? 0) + this.#depth] ?? 0
  }

  /** One more byte is as it should be; of needles that begin alike, the shortest stands first. */
  #accept(span: number): void {
    this.#depth += 1
    if (this.#depth === KEY_LENGTH) this.#like = this.#from
    if (this.#lineEnd.length > 0) this.#lineEnd.reset()
    if (this.#needles.length(this.#from) > this.#depth) return
    this.#complete = this.#depth
    this.found = span
    this.secret = this.likely
    this.#from += 1
    this.#isAll = this.#isComplete()
  }

  /** Whether a byte belongs to a line's end, over which a needle goes on. */
  #isLineEnd(byte: number): boolean {
    if (this.#depth < BEFORE_LINE_END) return false
    const isFirst = this.#lineEnd.length === 0
    const taken = this.#lineEnd.take(byte)
    if (taken === "none") return false
    if (taken === "broken" || (isFirst && this.#isComplete())) return this.#close()
    return true
  }

  /**
   * Whether a needle ends here, and nothing of worth could follow: then a line's end is the end,
   * and is not held back.
   */
  #isComplete(): boolean {
    if (this.#complete !== this.#depth) return false
    for (let needle = this.#from; needle < this.#to; needle += 1) {
      if (this.#needles.length(needle) > this.#depth + LAST_GROUP) return false
      if (this.#needles.secrets[needle] !== this.secret) return false
    }
    return true
  }
}
