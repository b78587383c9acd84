import { LineEnd, isLetter } from "./line-end.js"
import { Branch, type Links } from "./links.js"
import { NEAR, reachOf } from "./near.js"
import { BEFORE_LINE_END, LAST_GROUP } from "./track.js"

const NONE = -1

/** Where a line begins among the digits: the number of its first digit, and of its first byte. */
interface Line {
  readonly digit: number
  readonly byte: number
}

/**
 * Looks for needles from all places of a stream at once, in steps whose number grows with the stream
 * alone. What it knows is the earliest place from which a needle is still possible; those from
 * later places are ends of that one.
 */
export class Lane {
  readonly #links: Links
  readonly #branch: Branch
  /** Where needles that may be broken into lines stop at a line's end; undefined for others. */
  readonly #stops: Uint8Array | undefined
  readonly #wraps: boolean
  readonly lineEnd = new LineEnd()
  #lines: Line[] = []
  #bytes = 0
  #digits = 0

  /** The earliest place from which a needle is possible; undefined if there is none. */
  oldest: number | undefined
  /** What was found to end with the last byte: where it starts, and whose it is; -1 for nothing. */
  start = NONE
  secret = NONE
  /** Whether the last byte was the letter of an escaped line end, which a needle may begin with. */
  isAmbiguous = false
  /** How many steps it took. */
  steps = 0

  constructor(links: Links, wraps: boolean) {
    this.#links = links
    this.#branch = new Branch(links.needles)
    this.#wraps = wraps
    this.#stops = wraps ? stopsOf(links.needles) : undefined
  }

  /** Begins anew, with a byte that counts as the first one. */
  begin(): void {
    this.#branch.toRoot()
    this.lineEnd.reset()
    this.#lines = [{ digit: 0, byte: 0 }]
    this.#bytes = 0
    this.#digits = 0
    this.oldest = undefined
  }

  /** The needles that are possible from there. */
  get branch(): Branch {
    return this.#branch
  }

  /** Up to where the earliest of them can be held; 0 if it is not near a needle. */
  get near(): number {
    if (this.oldest === undefined || this.#branch.depth < NEAR) return 0
    return this.oldest + reachOf(this.#links.needles, this.#branch.first, this.#wraps)
  }

  step(byte: number): void {
    this.start = NONE
    this.#bytes += 1
    this.isAmbiguous = false
    if (this.#isLineEnd(byte)) return
    if (this.lineEnd.length > 0) this.#beginLine()
    this.#digits += 1
    if (!this.#enter(byte)) {
      this.oldest = undefined
      return
    }
    const { complete, depth } = this.#branch
    this.#forgetLines()
    this.oldest = this.#byteAt(this.#digits - depth)
    for (
      let needle = complete === NONE ? this.#links.endOf(this.#branch) : complete;
      needle !== NONE;
      needle = this.#links.endOfNeedle(needle)
    ) {
      this.steps += 1
      if (!this.#isUnbroken(needle)) continue
      this.start = this.#byteAt(this.#digits - this.#links.needles.length(needle))
      this.secret = this.#links.needles.secrets[needle] ?? NONE
      return
    }
  }

  /** Goes on with a digit from the earliest place that it allows; false if it allows none. */
  #enter(byte: number): boolean {
    this.steps += 1
    while (this.#branch.depth > 0) {
      if (this.#branch.enter(byte)) return true
      this.steps += 1
      this.#links.fall(this.#branch)
    }
    return this.#links.canBegin(byte) && this.#branch.enter(byte)
  }

  #isLineEnd(byte: number): boolean {
    if (this.#stops === undefined || this.#branch.depth < BEFORE_LINE_END) return false
    const taken = this.lineEnd.take(byte)
    if (taken === "broken") {
      this.#branch.toRoot()
      this.oldest = undefined
    }
    this.isAmbiguous = taken === "part" && isLetter(byte)
    return taken === "part"
  }

  #beginLine(): void {
    this.#lines.push({ digit: this.#digits, byte: this.#bytes - 1 })
    this.lineEnd.reset()
  }

  /** Lines that end before anything that is still possible. */
  #forgetLines(): void {
    if (this.#lines.length === 1) return
    const oldest = this.#digits - this.#branch.depth
    while ((this.#lines[1]?.digit ?? Infinity) <= oldest) this.#lines.shift()
  }

  /** The number of the byte that a digit was. */
  #byteAt(digit: number): number {
    const [first, second] = this.#lines
    if (first !== undefined && second === undefined) return first.byte + digit - first.digit
    const line = this.#lines[this.#firstLineAfter(digit) - 1]
    return (line?.byte ?? 0) + digit - (line?.digit ?? 0)
  }

  /** The first line that begins after a digit, by its place among the lines. */
  #firstLineAfter(digit: number): number {
    let [low, high] = [0, this.#lines.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#lines[middle]?.digit ?? 0) <= digit) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Whether a needle that ends here could go on at each of the line ends in it. */
  #isUnbroken(needle: number): boolean {
    if (this.#stops === undefined || this.#lines.length < 2) return true
    const start = this.#digits - this.#links.needles.length(needle)
    const next = this.#lines[this.#firstLineAfter(start)]
    if (next === undefined) return true
    if (next.digit - start < BEFORE_LINE_END) return false
    const stops = this.#stops[needle] ?? 0
    if (stops === 0) return true
    for (let at = this.#lines.length - 1; at >= 0; at -= 1) {
      const left = this.#digits - (this.#lines[at]?.digit ?? 0)
      if (left > LAST_GROUP) return true
      if ((stops & (1 << left)) !== 0) return false
    }
    return true
  }
}

/**
 * For each needle, a bit for each number of digits, up to 4, before which it does not go on over a
 * line's end: another needle of the same secret ends there, and nothing of worth could follow.
 */
function stopsOf(needles: Links["needles"]): Uint8Array {
  const stops = new Uint8Array(needles.count)
  for (let needle = 0; needle < needles.count; needle += 1) {
    for (const longer of restsOf(needles, needle)) {
      const left = needles.length(longer) - needles.length(needle)
      stops[longer] = (stops[longer] ?? 0) | (1 << left)
    }
  }
  return stops
}

/** The needles that begin with a needle, if all are of its secret and a few digits longer. */
function restsOf(needles: Links["needles"], needle: number): readonly number[] {
  const rests: number[] = []
  const length = needles.length(needle)
  for (let other = needle + 1; other < needles.count; other += 1) {
    if (!needles.begins(needle, other)) break
    const isRest = needles.length(other) <= length + LAST_GROUP
    if (!isRest || needles.secrets[other] !== needles.secrets[needle]) return []
    rests.push(other)
  }
  return rests
}
