/** The lines of two texts beside each other: `- ` went, `+ ` came, two spaces stayed. */
export function diffLines(before: readonly string[], after: readonly string[]): string[] {
  const lengths = commonLengths(before, after)
  const lines: string[] = []
  let [left, right] = [0, 0]
  while (left < before.length || right < after.length) {
    const [old, young] = [before[left], after[right]]
    const isGone = (lengths[left + 1]?.[right] ?? 0) >= (lengths[left]?.[right + 1] ?? 0)
    if (old !== undefined && old === young) {
      lines.push(`  ${old}`)
      left += 1
      right += 1
    } else if (old !== undefined && (young === undefined || isGone)) {
      lines.push(`- ${old}`)
      left += 1
    } else {
      lines.push(`+ ${young ?? ""}`)
      right += 1
    }
  }
  return lines
}

/** The length of the longest common subsequence from each pair of places on. */
function commonLengths(before: readonly string[], after: readonly string[]): number[][] {
  const lengths = Array.from({ length: before.length + 1 }, () =>
    Array.from({ length: after.length + 1 }, () => 0),
  )
  for (let left = before.length - 1; left >= 0; left--) {
    for (let right = after.length - 1; right >= 0; right--) {
      const row = lengths[left]
      if (row === undefined) continue
      row[right] =
        before[left] === after[right]
          ? (lengths[left + 1]?.[right + 1] ?? 0) + 1
          : Math.max(lengths[left + 1]?.[right] ?? 0, row[right + 1] ?? 0)
    }
  }
  return lengths
}
