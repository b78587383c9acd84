import { AllStarts } from "./all-starts.js"
import { Effort } from "./effort.js"
import { Held } from "./held.js"
import { KEY_LENGTH, scatter } from "./needles.js"
import { LONGEST_HELD } from "./near.js"
import { type Patterns, STRIDE } from "./patterns.js"
import { type Cut, NO_SECRET, RedactedPiece } from "./redacted-piece.js"
import { Track } from "./track.js"

/** How many bytes are compared in vain before all places are looked at together. */
const PATIENCE = 4 * LONGEST_HELD
const NOTHING = new Uint8Array(0)

/**
 * Keeps secrets out of one stream of bytes: `[REDACTED stripe/api-key]` stands in their place.
 * Where a secret is found, the first one counts, and of those that begin there the longest; what
 * overlaps its end is taken out too. How the stream is cut into chunks makes no difference.
 */
export class Redactor {
  readonly #patterns: Patterns
  readonly #tracks: readonly [Track, Track]
  /** The other way to search; `#together` if it is the way now. */
  #allStarts: AllStarts | undefined
  #together = false
  readonly #effort: Effort
  /** How much of the stream there was before the bytes that are held. */
  #passed = 0
  readonly #held = new Held()
  /** Whether the tracks wait, at the first byte that is held, for more. */
  #waiting = false
  /** Whether over 64 KiB of a secret went by, and what still belongs to it is taken out. */
  #swallowing = false
  /** How many of the bytes that are held a marker stands for already, and whose it is. */
  #covered = 0
  #marked = NO_SECRET
  readonly #found = new Set<number>()
  /** Up to where in the stream what was near a secret, and not all of it, could be held if it went on. */
  #near = 0

  constructor(patterns: Patterns, patience = PATIENCE) {
    this.#patterns = patterns
    this.#effort = new Effort(patience)
    this.#tracks = [new Track(patterns.whole, false), new Track(patterns.wrapping, true)]
  }

  /** How many bytes were compared with those of a form: it grows as the stream does. */
  get compared(): number {
    return this.#effort.compared + (this.#allStarts?.steps ?? 0)
  }

  /** The secrets that were found so far, by their places in the list that was compiled. */
  get found(): ReadonlySet<number> {
    return this.#found
  }

  /** Their names. */
  get foundNames(): readonly string[] {
    return [...this.#found].map((secret) => this.#patterns.names[secret] ?? "")
  }

  /**
   * Whether it takes out what goes on of a secret of over 64 KiB. If not, another one can go on: it
   * takes what {@link Redactor.end} returns here, and then what follows.
   */
  get isSwallowing(): boolean {
    return this.#swallowing
  }

  /**
   * Takes the next bytes, and returns all that can be said now: everything, unless the last bytes
   * may be the beginning of a secret. These are held back, at most 64 KiB. Where nothing is found
   * and was held, the result is `chunk` itself or a part of it, not a copy.
   */
  push(chunk: Uint8Array): Uint8Array {
    return this.#redact(chunk, false)
  }

  /** Returns what was held back: no more will come. */
  end(): Uint8Array {
    return this.#redact(NOTHING, true)
  }

  /**
   * Hands out what is held, for whoever waits must not wait longer. The search goes on from where
   * it stands: of a secret that turns out to begin there, what comes later is still taken out.
   */
  release(): Uint8Array {
    const { length } = this.#held
    if (this.#covered >= length) return NOTHING
    const released = this.#held.append(NOTHING).slice(this.#covered)
    this.#covered = length
    this.#marked = NO_SECRET
    return released
  }

  /** How many bytes wait, and are neither handed out nor taken out. */
  get held(): number {
    return Math.max(0, this.#held.length - this.#covered)
  }

  /**
   * How many bytes have yet to come until what was a form for 16 bytes could be held no longer, if it
   * went on as one or not. Who waits for so many shows by the time of what they hand out no more of a
   * secret than so much of each of its forms.
   */
  get undecided(): number {
    const near = this.#waiting ? Math.max(this.#near, this.#passed + this.#nearHere()) : this.#near
    return Math.max(0, near - this.#passed - this.#held.length)
  }

  /** The same as {@link Redactor.push}, told by places in the stream. */
  cut(chunk: Uint8Array, isLast: boolean): { cuts: readonly Cut[]; settled: number } {
    const before = this.#passed
    const { output, end } = this.#take(chunk, isLast)
    this.#settle(chunk, output, end)
    const cuts = output.cuts.map(({ start, end: to, secret }) => {
      return { start: before + start, end: before + to, secret }
    })
    return { cuts, settled: before + end }
  }

  #redact(chunk: Uint8Array, isLast: boolean): Uint8Array {
    const { output, end } = this.#take(chunk, isLast)
    const redacted = output.until(end, this.#held.length > 0)
    this.#settle(chunk, output, end)
    return redacted
  }

  #take(chunk: Uint8Array, isLast: boolean): { output: RedactedPiece; end: number } {
    const data = this.#held.length === 0 ? chunk : this.#held.append(chunk)
    const output = new RedactedPiece(data, this.#covered, this.#marked, this.#patterns.markers)
    const end = this.#search(data, output, isLast)
    return { output, end }
  }

  /** Notes what was found, and lets go of what is settled. */
  #settle(chunk: Uint8Array, output: RedactedPiece, end: number): void {
    this.#covered = Math.max(0, output.written - end)
    this.#marked = output.marked
    for (const { secret } of output.cuts) if (secret !== NO_SECRET) this.#found.add(secret)
    this.#passed += end
    if (this.#held.length > 0) this.#held.drop(end)
    else if (end < chunk.length) this.#held.append(chunk.subarray(end))
  }

  /** Finds what is to be taken out, and returns how far nothing more can be found. */
  #search(data: Uint8Array, output: RedactedPiece, isLast: boolean): number {
    const view = new DataView(data.buffer, data.byteOffset, data.length)
    let at = this.#swallowing ? this.#swallow(data, 0, output) : 0
    for (;;) {
      if (!this.#waiting && !this.#together) {
        at = this.#next(data, view, at)
        if (at === data.length) return at
        if (this.#effort.isTooMuch(this.#passed + at)) this.#beginTogether()
      }
      at = this.#together
        ? this.#searchTogether(data, at, output, isLast)
        : this.#searchAt(data, at, output, isLast)
      if (this.#waiting || this.#together) return at
    }
  }

  /** Looks whether something begins at a place, where the tracks stand; returns where to go on. */
  #searchAt(data: Uint8Array, at: number, output: RedactedPiece, isLast: boolean): number {
    const end = Math.min(data.length, at + LONGEST_HELD)
    for (const track of this.#tracks) track.advance(data, at + track.span, end)
    this.#waiting = this.#isOpen() && end < at + LONGEST_HELD && !isLast
    if (this.#waiting) return at
    this.#effort.add(this.#tracks[0].span + this.#tracks[1].span, this.#passed + at)
    if (this.#isOpen() && end === at + LONGEST_HELD) {
      output.mark(at, end, this.#tracks.find(({ open }) => open)?.likely ?? NO_SECRET)
      return this.#swallow(data, end, output)
    }
    const { found, secret } = this.#longest()
    if (found > 0) output.mark(at, at + found, secret)
    this.#near = Math.max(this.#near, this.#passed + at + this.#nearHere())
    return at + 1
  }

  #beginTogether(): void {
    this.#allStarts ??= new AllStarts(this.#patterns, LONGEST_HELD)
    this.#allStarts.begin()
    this.#together = true
  }

  /** Searches from all places together, as long as something may have begun; `at` is its place. */
  #searchTogether(data: Uint8Array, at: number, output: RedactedPiece, isLast: boolean): number {
    const all = this.#allStarts
    if (all === undefined) return at
    const next = all.read(data, at + all.held)
    const shift = next - all.position
    this.#near = Math.max(this.#near, this.#passed + shift + all.near)
    const isEnd = isLast && all.held < LONGEST_HELD
    for (const { start, end, secret } of all.settle(isEnd ? Infinity : all.oldest)) {
      output.mark(start + shift, end + shift, secret)
    }
    const oldest = all.oldest + shift
    this.#together = all.held > 0 && !isEnd
    if (!this.#together) return next
    if (all.held < LONGEST_HELD) return oldest
    this.#together = false
    output.mark(oldest, next, all.handOver(this.#tracks))
    return this.#swallow(data, next, output)
  }

  /**
   * The next place, from `from` on, where a needle may begin; the tracks stand there. The filter
   * excludes most places, three at a look; the last few bytes are too few for it.
   */
  #next(data: Uint8Array, view: DataView, from: number): number {
    const { table, shift } = this.#patterns.filter
    const last = data.length - KEY_LENGTH
    let place = from + STRIDE - 1
    for (; place <= last; place += STRIDE) {
      const hit = table[scatter(view.getInt32(place, true), shift)] ?? 0
      if (hit === 0) continue
      for (let distance = STRIDE - 1; distance >= 0; distance -= 1) {
        if ((hit & (1 << distance)) === 0) continue
        if (this.#begin(data, place - distance)) return place - distance
      }
    }
    for (let at = place - STRIDE + 1; at < data.length; at += 1) {
      if (this.#begin(data, at)) return at
    }
    return data.length
  }

  #begin(data: Uint8Array, at: number): boolean {
    let possible = false
    for (const track of this.#tracks) possible = track.begin(data, at, data.length) || possible
    return possible
  }

  #isOpen(): boolean {
    return this.#tracks.some(({ open }) => open)
  }

  /** For how many bytes from where the tracks began what is near a secret can be held. */
  #nearHere(): number {
    return Math.max(this.#tracks[0].near, this.#tracks[1].near)
  }

  /** What was found where the tracks began; if both found as much, what comes first in the list. */
  #longest(): Track {
    return this.#tracks.reduce((best, track) => {
      if (track.found !== best.found) return track.found > best.found ? track : best
      return track.secret < best.secret ? track : best
    })
  }

  /** Takes out what goes on matching; returns its end. */
  #swallow(data: Uint8Array, from: number, output: RedactedPiece): number {
    let end = from
    for (const track of this.#tracks) {
      const before = track.span
      track.advance(data, from, data.length)
      end = Math.max(end, from + track.span - before)
    }
    this.#swallowing = this.#isOpen()
    output.skip(end)
    return end
  }
}

/** The text without any of the secrets; the very same text if there are none in it. */
export function redactText(patterns: Patterns, text: string): string {
  const bytes = Buffer.from(text)
  const redactor = new Redactor(patterns)
  const redacted = Buffer.concat([redactor.push(bytes), redactor.end()])
  return redacted.equals(bytes) ? text : redacted.toString()
}
