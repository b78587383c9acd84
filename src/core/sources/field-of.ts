import { StoreFailure } from "./store-failure.js"

/** The text at a place in JSON that came from elsewhere; undefined where there is none. */
export function fieldOf(said: Buffer, path: readonly string[]): Buffer | undefined {
  const found = memberAt(said, path)
  return typeof found === "string" ? Buffer.from(found) : undefined
}

/**
 * The same for a member that a person named: also a whole number, as its digits. Of other numbers
 * JavaScript would not tell the digits that were written.
 */
export function namedFieldOf(said: Buffer, path: readonly string[]): Buffer | undefined {
  const found = memberAt(said, path)
  return Number.isSafeInteger(found) ? Buffer.from(String(found)) : fieldOf(said, path)
}

/** The same of what a store says. Throws {@link StoreFailure} for one of another kind. */
export function storedFieldOf(said: Buffer, path: readonly string[]): Buffer | undefined {
  const found = namedFieldOf(said, path)
  if (found !== undefined || !isMember(said, path)) return found
  throw new StoreFailure("what is there is neither text nor a whole number", "name one that is")
}

/** Whether something is there, of whatever kind. */
export function isMember(said: Buffer, path: readonly string[]): boolean {
  return memberAt(said, path) !== undefined
}

function memberAt(said: Buffer, path: readonly string[]): unknown {
  try {
    let at: unknown = JSON.parse(said.toString("utf8"))
    for (const name of path) {
      if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined
      at = (at as Readonly<Record<string, unknown>>)[name]
    }
    return at
  } catch {
    // What is said of text that is no JSON would quote it.
    return undefined
  }
}
