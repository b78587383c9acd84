import { LONGEST_LINE_END } from "./line-end.js"
import type { Needles } from "./needles.js"

/** The most bytes that are held back. A match that has come this far counts as the secret. */
export const LONGEST_HELD = 64 * 1024

/**
 * A text that is a form for so many bytes is near a secret. Fewer are often the same by chance:
 * `-----BEGIN ` in base64 has 15 digits.
 */
export const NEAR = 16

/** For how many bytes, from its beginning, a text can be held that begins like a needle. */
export function reachOf(needles: Needles, needle: number, wraps: boolean): number {
  const longest = needles.longestLike(needle)
  // A line may end after each digit.
  return Math.min(LONGEST_HELD, wraps ? longest * (1 + LONGEST_LINE_END) : longest)
}
