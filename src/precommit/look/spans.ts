/** A piece of a text, by its offsets. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Pieces of a text. A search in them takes logarithmic time. */
export class Spans {
  readonly #sorted: readonly Span[]
  /** For each span: the furthest end among it and those before it. */
  readonly #ends: readonly number[]

  constructor(spans: readonly Span[]) {
    this.#sorted = spans.toSorted((a, b) => a.start - b.start)
    let last = 0
    this.#ends = this.#sorted.map(({ end }) => (last = Math.max(last, end)))
  }

  /** Whether any piece overlaps this one. */
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

/** A filter that keeps the spans that overlap none of `others`. */
export function apartFrom(others: readonly Span[]): (span: Span) => boolean {
  const spans = new Spans(others)
  return (span) => !spans.meet(span)
}
