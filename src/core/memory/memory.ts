import { join } from "node:path"
import { Marks, branchMarks, userMarks } from "./marks.js"
import { type Environment, stateHome } from "../disk/homes.js"
import type { Place } from "../disk/place.js"
import { type Site, siteOf } from "./known-vault.js"

/** What this machine remembers of a vault, in the state folder. */
export interface Memory {
  /** What this clone has seen on this branch. */
  readonly marks: Marks
  /** What this user has seen on any branch: group epochs and agents. */
  readonly seen: Marks
  /** The folder with what was verified before; see known-records.ts. */
  readonly verified: string | undefined
  /** Which vault this clone has seen at this place, on this branch. */
  readonly site: Site
}

/** The memory of a vault, as far as the branch that is checked out is concerned. */
export function memoryOf(vault: string, place: Place, env: Environment): Memory {
  return {
    marks: branchMarks(vault, place.checkout, env),
    seen: userMarks(vault, env),
    verified: join(stateHome(env), vault, "verified"),
    site: siteOf(place, env),
  }
}

/** Where nothing is to be remembered, or held against what was. */
export function noMemory(): Memory {
  const nothing = new Marks(undefined)
  return { marks: nothing, seen: nothing, verified: undefined, site: undefined }
}
