import { join } from "node:path"
import { Marks, branchMarks, userMarks } from "./freshness.js"
import { type Environment, stateHome } from "./homes.js"
import type { Checkout } from "./place.js"

/** What this machine remembers of a vault, in the state folder. */
export interface Memory {
  /** What this clone has seen on this branch. */
  readonly marks: Marks
  /** What this user has seen on any branch: group epochs and agents. */
  readonly seen: Marks
  /** The folder with what was verified before; see known-records.ts. */
  readonly verified: string | undefined
}

/** The memory of a vault, as far as the branch that is checked out is concerned. */
export function memoryOf(vault: string, checkout: Checkout | undefined, env: Environment): Memory {
  return {
    marks: branchMarks(vault, checkout, env),
    seen: userMarks(vault, env),
    verified: join(stateHome(env), vault, "verified"),
  }
}

/** Where nothing is to be remembered, or held against what was. */
export function noMemory(): Memory {
  return { marks: new Marks(undefined), seen: new Marks(undefined), verified: undefined }
}
