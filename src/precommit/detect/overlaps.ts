import type { Kind } from "./rules.js"
import type { OnSilenced } from "./veto.js"

/** A credential in a text, by its offsets in UTF-16 code units. */
export interface Detection {
  /** The id of the rule that found it. */
  readonly rule: string
  readonly start: number
  readonly end: number
  readonly kind: Kind
}

/** A finding, and what decides between it and another at the same place. */
export interface Candidate extends Detection {
  readonly rank: number
  readonly place: number
}

/**
 * The findings that no better one overlaps, in the order of the text. The others go to `onSilenced`.
 */
export function withoutOverlaps(
  candidates: readonly Candidate[],
  onSilenced?: OnSilenced,
): Detection[] {
  const best = candidates.toSorted(
    (a, b) => b.rank - a.rank || b.end - b.start - (a.end - a.start) || b.place - a.place,
  )
  const covered = new Uint8Array(best.reduce((last, { end }) => Math.max(last, end), 0))
  const kept: Detection[] = []
  for (const { rule, start, end, kind } of best) {
    if (covered[start] || covered.subarray(start, end).includes(1)) {
      if (onSilenced === undefined) continue
      const by = kept.find((each) => each.start < end && each.end > start)?.rule ?? rule
      if (by !== rule) onSilenced({ rule, start, end, veto: "better-rule", by })
      continue
    }
    covered.fill(1, start, end)
    kept.push({ rule, start, end, kind })
  }
  return kept.toSorted((a, b) => a.start - b.start)
}
