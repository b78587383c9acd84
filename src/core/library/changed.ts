import type { Outcome } from "../change/change.js"

/** What a change did: its own result, the files of the vault that it wrote, and its commit. */
export type Changed<T> = T & Omit<Outcome<T>, "result" | "hasRemote">

/** How a change is made. */
export interface ChangeOptions {
  /** Computes everything, and changes nothing. */
  readonly dryRun?: boolean
}

/** The outcome of a change, as the package tells it. */
export function changed<T>({ result, hasRemote: _hasRemote, ...rest }: Outcome<T>): Changed<T> {
  return { ...result, ...rest }
}
