import type { VaultError } from "./errors.js"

/** What was done, where something may have gone wrong after it. */
export interface MaybeUnfinished {
  /**
   * What went wrong after the work was done; absent where nothing did. The work stands, and is not
   * to be repeated: the next command completes it.
   */
  readonly unfinished?: readonly VaultError[] | undefined
}

/** Adds to a result what went wrong after it. */
export function withUnfinished<T extends MaybeUnfinished>(
  result: T,
  ...more: readonly (VaultError | undefined)[]
): T {
  const unfinished = [...(result.unfinished ?? []), ...more.filter((error) => error !== undefined)]
  return unfinished.length === 0 ? result : { ...result, unfinished }
}
