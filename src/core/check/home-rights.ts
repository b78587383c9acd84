import { chmodSync } from "node:fs"
import { join, sep } from "node:path"
import { listFolder, lookAt } from "../disk/at-path.js"
import { type Environment, keyHome, stateHome } from "../disk/homes.js"
import { accessing } from "../words/system-error.js"

/** What others may do to what only this user should have, and where: the folders of keys and of state. */
export interface HomeRights {
  /** Folders that others can write to: they could put a key, or whom to trust, in the place of ours. */
  readonly written: readonly string[]
  /** Folders that others can look into: names of agents, and what was used. */
  readonly seen: readonly string[]
  /** Files and folders of another user, which may be beyond ours to read or to change. */
  readonly others: readonly string[]
}

/** Others than its user. */
const [WRITE, ANY] = [0o022, 0o077]

/**
 * Looks at the key home and the state folder, and at all that is in them; `user` is the number of who
 * runs this, absent where a system has none. Root may do everything, and owns what it likes.
 */
export function homeRights(user: number | undefined, env: Environment): HomeRights {
  const rights = { written: [] as string[], seen: [] as string[], others: [] as string[] }
  // Windows has no such bits; there the profile folder's own access list protects what is in it.
  if (sep !== "/") return rights
  for (const home of [keyHome(env), stateHome(env)]) {
    walk(home, "follow", user, rights)
  }
  return rights
}

/** Takes away what others may do to a folder. Throws `NO_ACCESS`. */
export function closeFolder(folder: string): void {
  accessing("write", folder, () => chmodSync(folder, 0o700))
}

function walk(
  path: string,
  links: "keep" | "follow",
  user: number | undefined,
  found: Record<keyof HomeRights, string[]>,
): void {
  const stat = lookAt(path, links)
  if (stat === undefined) return
  if (user !== undefined && user !== 0 && stat.uid !== user) found.others.push(path)
  if (!stat.isDirectory()) return
  if ((stat.mode & WRITE) !== 0) found.written.push(path)
  else if ((stat.mode & ANY) !== 0) found.seen.push(path)
  for (const name of listFolder(path)) walk(join(path, name), "keep", user, found)
}
