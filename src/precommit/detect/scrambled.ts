/** Text that is filled in elsewhere: whole shapes of the languages, not single signs of them. */
const FILLED_IN =
  /\$\{[\w.:?-]{1,60}\}|\$\([\w./ -]{1,80}\)|\{\{.{0,80}\}\}|#\{.{1,60}\}|<%.{0,60}%>|%\(\w{1,40}\)[sd]|^<[\w .:-]{2,60}>$|^\[[\w .:-]{2,60}\]$|^%\w{2,40}%$|^\$\w{2,60}$/

/** Digests of passwords, which begin with how they were made: `$2b$10$`, `{SSHA}`. */
const DIGEST = /^(?:\$[a-z0-9-]{1,12}\$|\{[A-Za-z0-9.-]{3,16}\}).{16}/

/** A call or an index, whole: `@Value('Db.Pass1')`, `env["Db1"]`. */
const CALL = /^[@\w.]{2,40}(?:\(.*\)|\[.*\])$/

/** What only patterns for passwords hold. */
const PATTERN = /\(\?[=!:<]|\[\^[^\]]{1,20}\]|[A-Za-z0-9]-[A-Za-z0-9]\]|\\[dws][+*{]|\.\*/

/** A word of code or of a language. Chance seldom writes six letters of one case in a row. */
const WORD = /[a-z]{6}|[A-Z]{6}/

/** Of so many sorts signs are where there is no digit. */
const SIGNS_FOR_DIGITS = 4

const SHAPES = [FILLED_IN, DIGEST, CALL, PATTERN]

/**
 * Whether the sorts of characters change so often that a password manager wrote the text. Then a
 * sign in it is one sign of many, and no part of a reference.
 */
export function isScrambled(text: string): boolean {
  if (text.length < 12 || text.length > 64 || WORD.test(text)) return false
  if (SHAPES.some((shape) => shape.test(text))) return false
  const sorts = Array.from(text, sortOf)
  const changes = sorts.filter((sort, at) => at > 0 && sort !== sorts[at - 1]).length
  const isMixed = sorts.includes("lower") && sorts.includes("upper")
  // One in ten such passwords has no digit, and signs of many sorts then.
  const hasMore = sorts.includes("digit") || new Set(sorts).size >= 2 + SIGNS_FOR_DIGITS
  return isMixed && hasMore && /[^\w.-]/.test(text) && 2 * changes >= text.length - 1
}

/** Each sign is a sort of its own. */
function sortOf(letter: string): string {
  if (letter >= "a" && letter <= "z") return "lower"
  if (letter >= "A" && letter <= "Z") return "upper"
  return letter >= "0" && letter <= "9" ? "digit" : letter
}
