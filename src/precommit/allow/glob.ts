/**
 * Whether a path matches a pattern of an exception: `*` stands for any characters but `/`, `?` for
 * one, `**` for any folders. Linear in the path for each star: no pattern can make it hang.
 */
export function matchesGlob(pattern: string, path: string): boolean {
  return matches(
    pattern.split("/"),
    path.split("/"),
    (part) => part === "**",
    (part, name) =>
      matches(Array.from(part), Array.from(name), isStar, (a, b) => a === "?" || a === b),
  )
}

/** Whether a pattern can match more than one path. */
export function isPattern(pattern: string): boolean {
  return /[*?]/.test(pattern)
}

function isStar(part: string): boolean {
  return part === "*"
}

/** Matches with going back to the last star only, which suffices: what it took before can stay. */
function matches(
  pattern: readonly string[],
  items: readonly string[],
  takesAny: (part: string) => boolean,
  equal: (part: string, item: string) => boolean,
): boolean {
  let [at, item, star, taken] = [0, 0, -1, 0]
  while (item < items.length) {
    const part = pattern[at]
    if (part !== undefined && takesAny(part)) {
      ;[star, taken] = [at, item]
      at += 1
    } else if (part !== undefined && equal(part, items[item] ?? "")) {
      at += 1
      item += 1
    } else if (star === -1) {
      return false
    } else {
      taken += 1
      ;[at, item] = [star + 1, taken]
    }
  }
  return pattern.slice(at).every(takesAny)
}
