/** A text among the members of a JSON object that an issuer sent; undefined where there is none. */
export function memberOf(said: Buffer, name: string): string | undefined {
  try {
    const object: unknown = JSON.parse(said.toString("utf8"))
    if (typeof object !== "object" || object === null || !Object.hasOwn(object, name)) {
      return undefined
    }
    const value = (object as Readonly<Record<string, unknown>>)[name]
    return typeof value === "string" ? value : undefined
  } catch {
    // What is said of text that is no JSON would quote it.
    return undefined
  }
}
