const FIELD = /\{([a-z][a-z0-9_]{0,63})\}/g
/** What stands in the place of a field must not end the text around it. */
const QUOTES: readonly (readonly [RegExp, (text: string) => string])[] = [
  [/^[a-z][a-z0-9+.-]*:\/\//, encodeURIComponent],
  [/^\{"/, (text) => JSON.stringify(text).slice(1, -1)],
  [/^/, (text) => text],
]

/** The one text that several fields of a lease make: each stands where its name is in braces. */
export function fieldsAsText(text: string, fieldOf: (name: string) => string): Buffer {
  const [, quoted] = QUOTES.find(([form]) => form.test(text)) as (typeof QUOTES)[number]
  return Buffer.from(text.replaceAll(FIELD, (_, name: string) => quoted(fieldOf(name))))
}
