import type { PastGaps } from "../../core/owner.js"

const SHOWN = 10

/** Whether an answer from the past may lack somebody. */
export function hasGaps({ uncounted, missing, shallow }: PastGaps): boolean {
  return shallow || uncounted.length + missing.length > 0
}

/** What of the history did not count, for a person. */
export function gapLines({ uncounted, missing, shallow }: PastGaps): string[] {
  const refused = uncounted.map(
    ({ path, commit, why }) =>
      `  ${path} in ${commit === undefined ? "the work tree" : `commit ${commit.slice(0, 10)}`}: ${why}`,
  )
  // Where commits lack, so does what they held.
  const lacking = shallow ? [] : missing.map(({ path, what }) => `  ${path}: ${what}`)
  return [
    ...(shallow
      ? [
          "This clone is shallow: what came before its first commits is not counted. Next: git fetch --unshallow",
        ]
      : []),
    ...listed(`Records that did not verify, and do not count (${refused.length}):`, refused),
    ...listed("The history here is not whole: something may be missing above.", lacking),
  ]
}

function listed(head: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return []
  const more = lines.length - SHOWN
  return [
    head,
    ...lines.slice(0, SHOWN),
    ...(more > 0 ? [`  and ${more} more: --json has all`] : []),
  ]
}
