/** The text at a place in JSON that came from elsewhere; undefined where there is none. */
export function fieldOf(said: Buffer, path: readonly string[]): Buffer | undefined {
  try {
    let at: unknown = JSON.parse(said.toString("utf8"))
    for (const name of path) {
      if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined
      at = (at as Readonly<Record<string, unknown>>)[name]
    }
    return typeof at === "string" ? Buffer.from(at) : undefined
  } catch {
    // What is said of text that is no JSON would quote it.
    return undefined
  }
}
