/** A piece of a text, by its offsets. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Pieces of a text, of which it is quick to say whether another overlaps any. */
export class Spans {
  readonly #sorted: readonly Span[]
  /** For each: where it and all before it have ended. */
  readonly #ends: readonly number[]

  constructor(spans: readonly Span[]) {
    this.#sorted = spans.toSorted((a, b) => a.start - b.start)
    let last = 0
    this.#ends = this.#sorted.map(({ end }) => (last = Math.max(last, end)))
  }

  meet({ start, end }: Span): boolean {
    let [low, high] = [0, this.#sorted.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#sorted[middle]?.start ?? 0) < end) low = middle + 1
      else high = middle
    }
    return low > 0 && (this.#ends[low - 1] ?? 0) > start
  }
}

/** Picks what overlaps none of `others`. */
export function apartFrom(others: readonly Span[]): (span: Span) => boolean {
  const spans = new Spans(others)
  return (span) => !spans.meet(span)
}
