/** Whether a letter, a digit or an underscore stands at an offset. */
export function isWordAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 95
  )
}

/** Whether a word may begin here: after none, or after an escape such as `\n`, `%22` or `\u0022`. */
export function beginsWord(text: string, at: number): boolean {
  if (at === 0 || !isWordAt(text, at - 1)) return true
  const before = text.slice(Math.max(0, at - 9), at)
  if (!/[\\%[]/.test(before)) return false
  return /(?:\\[nrtbfv]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\[[\d;]{1,8}m)$/.test(
    before,
  )
}

/** Whether a part of a name begins at an offset: no letter is before it, or it is a capital. */
export function beginsName(text: string, at: number): boolean {
  const before = text[at - 1] ?? ""
  return !/[A-Za-z]/.test(before) || (/[a-z]/.test(before) && /[A-Z]/.test(text[at] ?? ""))
}

/** Where each word begins in all of them together. */
export function beginningsOf(parts: readonly string[]): ReadonlySet<number> {
  let at = 0
  return new Set(parts.map((part) => (at += part.length) - part.length))
}
