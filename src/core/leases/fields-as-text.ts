const FIELD = /\{([a-z][a-z0-9_]{0,63})\}/g

/** The one text that several fields of a lease make: each stands where its name is in braces. */
export function fieldsAsText(text: string, fieldOf: (name: string) => string): Buffer {
  const quoted = quotingIn(text)
  return Buffer.from(text.replaceAll(FIELD, (_, name: string) => quoted(fieldOf(name))))
}

/** What stands in the place of a field must not end the text around it. */
function quotingIn(text: string): (field: string) => string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return encodeURIComponent
  if (isJson(text)) return (field) => JSON.stringify(field).slice(1, -1)
  return (field) => field
}

/** Whether a text is JSON, whatever its fields are, or begins as an object of it. */
function isJson(text: string): boolean {
  if (/^ *\{ *"/.test(text)) return true
  // Without a quote, as in "[{host}]:5432", there is nothing that a field could end.
  if (!text.includes('"')) return false
  try {
    JSON.parse(text.replaceAll(FIELD, "0"))
    return true
  } catch {
    return false
  }
}
