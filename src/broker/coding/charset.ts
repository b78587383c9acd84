import { valuesOf } from "./coding.js"

/** What some servers write for no charset at all. */
const NONE = new Set(["", "binary", "none"])

/**
 * Whether the charset that headers name is one in which values are looked for. Servers write a text as
 * a client asks for it, in UTF-32, UTF-7 or EBCDIC too, where a value is other bytes. In what browsers
 * know (WHATWG Encoding, section 4.2) ASCII is itself, but for UTF-16, which is looked for.
 */
export function isSearchableCharset(rawHeaders: readonly string[]): boolean {
  return valuesOf(rawHeaders, "content-type")
    .flatMap((type) => [...type.matchAll(/;[ \t]*charset[ \t]*=[ \t]*["']?([^"';,\s]*)/gi)])
    .every(([, charset = ""]) => isKnown(charset.toLowerCase()))
}

function isKnown(charset: string): boolean {
  if (NONE.has(charset) || /^utf[-_]?8/.test(charset)) return true
  // Some write `latin-1` and `iso8859_1`, as Python and Java call what browsers call `latin1`.
  return [charset, charset.replaceAll(/[-_]/g, "")].some(isLabel)
}

function isLabel(charset: string): boolean {
  try {
    return new TextDecoder(charset).encoding !== ""
  } catch {
    return false
  }
}
