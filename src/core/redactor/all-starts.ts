import { Lane } from "./lane.js"
import { Links } from "./links.js"
import type { Patterns } from "./patterns.js"
import { Track } from "./track.js"

/** A secret in the stream. */
interface Found {
  readonly start: number
  readonly end: number
  readonly secret: number
}

/**
 * Needles that start at the letter of an escaped line end, while others go on over that line end.
 * More at once than this come of nothing but values and streams that repeat a few letters.
 */
const MOST_AMBIGUOUS = 8

/**
 * The same search, from all places at once: the way through a stretch of a stream in which needles
 * seem to begin everywhere. Places are counted from where it began.
 */
export class AllStarts {
  readonly #patterns: Patterns
  readonly #longest: number
  readonly #lanes: readonly [Lane, Lane]
  #ambiguous: { readonly start: number; readonly track: Track }[] = []
  #ambiguousSteps = 0
  /** What was found and may still turn out to be part of something longer, in order. */
  #found: Found[] = []
  /** How many bytes it read. */
  position = 0
  /** Up to where what was near a needle could be held, if it went on as one. */
  near = 0

  constructor(patterns: Patterns, longest: number) {
    this.#patterns = patterns
    this.#longest = longest
    const { whole, wrapping } = patterns
    this.#lanes = [
      new Lane(new Links(whole, longest), false),
      new Lane(new Links(wrapping, longest), true),
    ]
  }

  /** How many steps it took, in all. */
  get steps(): number {
    return this.#lanes[0].steps + this.#lanes[1].steps + this.#ambiguousSteps
  }

  begin(): void {
    for (const lane of this.#lanes) lane.begin()
    this.#ambiguous = []
    this.#found = []
    this.position = 0
    this.near = 0
  }

  /** The earliest place at which a needle may still begin. */
  get oldest(): number {
    const { position } = this
    const [one, other] = this.#lanes
    const oldest = Math.min(one.oldest ?? position, other.oldest ?? position)
    const [first] = this.#ambiguous
    return first === undefined ? oldest : Math.min(oldest, first.start)
  }

  /** How many bytes wait. */
  get held(): number {
    return this.position - this.oldest
  }

  /** Reads on from `from`, until nothing waits, or as much as may. Returns where it stopped. */
  read(data: Uint8Array, from: number): number {
    for (let next = from; next < data.length;) {
      this.#step(data, next)
      next += 1
      const { held } = this
      if (held === 0 || held >= this.#longest) return next
    }
    return data.length
  }

  /** Hands out what was found to start before a place, and is settled by that. */
  settle(before: number): Found[] {
    const open = this.#found.findIndex(({ start }) => start >= before)
    return this.#found.splice(0, open === -1 ? this.#found.length : open)
  }

  /** Has two tracks go on with what is oldest; returns whose it seems to be. */
  handOver(tracks: readonly [Track, Track]): number {
    const { oldest, position } = this
    for (const [at, track] of tracks.entries()) {
      const lane = this.#lanes[at]
      if (lane?.oldest === oldest) track.resume(lane.branch, lane.lineEnd, position - oldest)
      else track.close()
    }
    return tracks.find(({ open }) => open)?.likely ?? this.#ambiguous[0]?.track.likely ?? -1
  }

  #step(data: Uint8Array, at: number): void {
    const byte = data[at] ?? 0
    this.position += 1
    for (const lane of this.#lanes) {
      lane.step(byte)
      if (lane.start >= 0) this.#add(lane.start, lane.secret)
      this.near = Math.max(this.near, lane.near)
    }
    if (this.#lanes[1].isAmbiguous) this.#beginAmbiguous()
    if (this.#ambiguous.length > 0) this.#followAmbiguous(data, at)
  }

  #beginAmbiguous(): void {
    const track = new Track(this.#patterns.wrapping, true)
    track.beginNext()
    this.#ambiguous.push({ start: this.position - 1, track })
    if (this.#ambiguous.length <= MOST_AMBIGUOUS) return
    // Nothing may be missed: what has matched so far counts as the secret.
    const [first] = this.#ambiguous.splice(0, 1)
    if (first !== undefined) this.#add(first.start, first.track.likely)
  }

  #followAmbiguous(data: Uint8Array, at: number): void {
    this.#ambiguousSteps += this.#ambiguous.length
    for (const { start, track } of this.#ambiguous) {
      const before = track.found
      track.advance(data, at, at + 1)
      if (track.found > before) this.#add(start, track.secret)
      this.near = Math.max(this.near, start + track.near)
    }
    this.#ambiguous = this.#ambiguous.filter(({ track }) => track.open)
  }

  /** Notes what ends here; what lies in something else is not noted. */
  #add(start: number, secret: number): void {
    const end = this.position
    let last = this.#found.at(-1)
    if (last?.start === start && last.end === end) {
      if (last.secret <= secret) return
    } else if (last !== undefined && last.end === end && last.start < start) {
      return
    }
    for (; last !== undefined && last.start >= start; last = this.#found.at(-1)) this.#found.pop()
    this.#found.push({ start, end, secret })
  }
}
