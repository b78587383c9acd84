import { examplesIn } from "../named/examples.js"
import { isForm, type Kind } from "./rules.js"
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

/** How much a finding says, by what it was found by. More specific ones hide the others. */
export const RANK = { key: 5, shape: 4, own: 3, near: 2, form: 1, generic: 0 }

/**
 * The findings without those that the text calls examples. Those go to `onSilenced`. A token's own
 * shape counts in an example too.
 */
export function withoutExamples(
  candidates: readonly Candidate[],
  text: string,
  path?: string,
  onSilenced?: OnSilenced,
): readonly Candidate[] {
  if (!candidates.some(isSaid)) return candidates
  const examples = examplesIn(text, path)
  return candidates.filter((each) => {
    const isExample = isSaid(each) && examples?.[each.start] === 1
    const { rule, start, end } = each
    if (isExample) onSilenced?.({ rule, start, end, veto: "example" })
    return !isExample
  })
}

/** Whether only a name, or the way in which it is written, says that it is a secret. */
function isSaid({ rule, rank }: Candidate): boolean {
  return rank < RANK.shape && (rank !== RANK.form || isForm(rule))
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
