import { type Stats, rmSync, unlinkSync } from "node:fs"
import { join } from "node:path"
import { accessing } from "../words/system-error.js"
import { listFolder, lookAt } from "./at-path.js"
import { fateOfMaker } from "./maker.js"

/** The start of the names of files that are written before they are renamed into place. */
export const TEMPORARY = ".tmp-"

/** How long the file of a process that nobody here can ask for counts as in use. */
const DOUBT_MS = 24 * 60 * 60 * 1000

/**
 * Removes what processes that are gone left in a folder: names of `prefix` that tell who made them,
 * with all below. Another program's stay: the folder may be anybody's. Throws `NO_ACCESS`.
 */
export function removeAbandoned(folder: string, prefix = TEMPORARY): void {
  for (const { place, stat } of abandonedIn(folder, prefix)) {
    accessing("remove", place, () => remove(place, stat))
  }
}

/**
 * The same in a folder that other users write to: what is `user`'s alone, where the system
 * knows users. What cannot be removed stays.
 */
export function removeOwnAbandoned(folder: string, prefix: string, user: number | undefined): void {
  for (const { place, stat } of abandonedIn(folder, prefix)) {
    if (user !== undefined && stat.uid !== user) continue
    try {
      remove(place, stat)
    } catch {
      // Somebody else did, or keeps it.
    }
  }
}

function abandonedIn(folder: string, prefix: string): { place: string; stat: Stats }[] {
  return listFolder(folder).flatMap((name) => {
    if (!name.startsWith(prefix)) return []
    const place = join(folder, name)
    const stat = lookAt(place)
    return stat === undefined || !isAbandoned(name, stat.mtimeMs) ? [] : [{ place, stat }]
  })
}

function remove(place: string, stat: Stats): void {
  if (stat.isDirectory()) rmSync(place, { recursive: true, force: true })
  else unlinkSync(place)
}

function isAbandoned(name: string, modified: number): boolean {
  // A killed git may have left its lock of what we named.
  const fate = fateOfMaker(name.replace(/\.lock$/, ""))
  // A clock that jumped may have set the time ahead.
  return fate === "gone" || (fate === "elsewhere" && Math.abs(Date.now() - modified) > DOUBT_MS)
}
