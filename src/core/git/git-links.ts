import { readdirSync, readlinkSync, realpathSync } from "node:fs"
import { basename, dirname, join, resolve, sep } from "node:path"
import { lookAt } from "../disk/at-path.js"
import { commonFolder } from "../disk/place.js"
import { VaultError } from "../words/errors.js"
import { inaccessible, isErrno } from "../words/system-error.js"

// A repository may come as a folder with its .git, and Git writes through the links in there. It would
// append a line with a name that the repository chooses to whatever a link in `logs` leads to.

/** The files that Git writes, and the folders, with how far down it writes in each. */
const WRITTEN: readonly (readonly [path: string, depth: number])[] = [
  ["index", 0],
  ["config", 0],
  ["config.worktree", 0],
  ["packed-refs", 0],
  ["shallow", 0],
  ["objects", 1],
  ["reftable", 1],
  ["refs", Infinity],
  ["logs", Infinity],
]

/**
 * Refuses links by which Git would write outside of repositories. A link to the very same place in
 * another one, as git-new-workdir makes it, is followed. Throws `FILE_UNSAFE`.
 */
export function refuseLinksOut(gitFolder: string): void {
  for (const folder of new Set([gitFolder, commonFolder(gitFolder)])) {
    // One at a time: nobody looks behind a link that is refused, where there may be no end.
    for (const path of linksIn(folder)) if (isOut(folder, path)) throw leadsOut(join(folder, path))
  }
}

function leadsOut(link: string): VaultError {
  return new VaultError("FILE_UNSAFE", `${link} is refused: it is a link out of the repository`, {
    hint: "Git would write where it leads: put what it leads to in its place, or remove it",
  })
}

function* linksIn(folder: string): Generator<string> {
  for (const [path, depth] of WRITTEN) yield* linksAt(folder, path, depth)
}

/** The links at a path, and as many folders below it. */
function* linksAt(folder: string, path: string, depth: number): Generator<string> {
  if (lookAt(join(folder, path))?.isSymbolicLink() === true) yield path
  if (depth > 0) yield* linksBelow(folder, path, depth)
}

function* linksBelow(folder: string, path: string, depth: number): Generator<string> {
  for (const entry of entriesOf(join(folder, path))) {
    // Thousands of folders of objects, each of which `join` would take apart.
    const below = path + sep + entry.name
    const isLink = entry.isSymbolicLink()
    if (isLink) yield below
    // What a name leads to as a path lies below it, and is looked at there.
    if (isLink && isName(below, readlinkSync(join(folder, below)))) continue
    if (depth > 1 && !entry.isFile()) yield* linksBelow(folder, below, depth - 1)
  }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return []
    throw inaccessible("read", folder, error)
  }
}

function isOut(folder: string, path: string): boolean {
  const target = readlinkSync(join(folder, path))
  if (isName(path, target)) return false
  const end = endOf(join(folder, path), target)
  return !end?.endsWith(`${sep}${path}`) || !isRepository(end.slice(0, -path.length))
}

/** With core.preferSymlinkRefs a ref that names another one is a link. */
function isName(path: string, target: string): boolean {
  const isRef = path.startsWith(`refs${sep}`) && target.startsWith("refs/")
  return isRef && !target.split("/").includes("..")
}

/** Where a link ends: git-new-workdir also makes some to files that are not there yet. */
function endOf(link: string, target: string): string | undefined {
  try {
    const next = resolve(dirname(link), target)
    if (lookAt(next) !== undefined) return realpathSync(link)
    return join(realpathSync(dirname(next)), basename(next))
  } catch {
    return undefined
  }
}

/** Whether Git takes a folder for one of its own (gitrepository-layout(5)). */
function isRepository(folder: string): boolean {
  return ["HEAD", "objects", "refs"].every((name) => lookAt(join(folder, name)) !== undefined)
}
