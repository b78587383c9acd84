/** What would be read in two ways: by us in one, by the other side perhaps in another. */
const AMBIGUOUS: readonly (readonly [found: RegExp, what: string])[] = [
  [/^(?!\/)/, "it does not begin with /"],
  [/[^\x21-\x7e]/, "it holds a blank, a control character or a byte beyond ASCII"],
  [/[?#]/, "it holds ? or #"],
  [/\\|%5c/i, String.raw`it holds \ or its escape`],
  [/;|%3b/i, "it holds ; or its escape"],
  [/%2f/i, "it holds the escape of /"],
  [/%2e/i, "it holds the escape of a dot"],
  [/%(?![0-9a-f]{2})/i, "it holds a % that begins no escape"],
  [/%(?:[01][0-9a-f]|7f)/i, "it holds the escape of a control character"],
  [/%25(?:25)*(?:[01][0-9a-f]|2[ef]|3b|5c|7f)/i, "it holds an escape of an escape"],
  [/\/\//, "it holds //"],
  [/\/\.\.?(?:\/|$)/, "it holds a segment . or .."],
]

/** Why a path, without its query, could be read as another one; undefined if it could not. */
export function pathAmbiguity(raw: string): string | undefined {
  const why = AMBIGUOUS.find(([found]) => found.test(raw))?.[1]
  return why ?? (isUtf8(raw) ? undefined : "its escapes are not UTF-8")
}

/** An overlong `%C0%AF` is a slash to some, and not UTF-8. */
function isUtf8(raw: string): boolean {
  try {
    decodeURIComponent(raw)
    return true
  } catch {
    return false
  }
}

/**
 * The one form of a path that is not ambiguous (RFC 3986, section 6.2.2): escapes in upper case,
 * and none for what needs none. It means what `raw` means.
 */
export function plainPath(raw: string): string {
  return raw.replaceAll(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return /[A-Za-z0-9_~-]/.test(character) ? character : escape.toUpperCase()
  })
}
