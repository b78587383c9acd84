import { dirname } from "node:path/posix"
import type { BlobId, Git } from "../git/git.js"
import { commitOf, readBlobs } from "../git/git-objects.js"
import { type Reach, reachIn } from "../records/reach.js"
import type { Session } from "./session.js"

/**
 * How far the record at each path had come when it was removed, so that a new one of that name goes
 * on from there and nobody takes it for an old one. A path that never held a record is at 0. One
 * walk through the history and one reading of blobs, however many paths there are.
 */
export async function precedentsOf(
  session: Session,
  paths: readonly string[],
): Promise<ReadonlyMap<string, Reach>> {
  const { git, folder } = session
  const { branchMarks, userMarks } = session.vault.memory
  const removed = await removedRecords(
    git,
    paths.map((path) => `${folder}/${path}`),
  )
  return new Map(
    paths.map((path) => [
      path,
      furthest([
        branchMarks.highest(path),
        userMarks.highest(path),
        removed.get(`${folder}/${path}`),
      ]),
    ]),
  )
}

/** The highest of each: a mark may say an epoch and no serial. */
function furthest(known: readonly (Reach | undefined)[]): Reach {
  return known.reduce<Reach>(
    (most, reach) => ({
      epoch: Math.max(most.epoch, reach?.epoch ?? 0),
      serial: Math.max(most.serial, reach?.serial ?? 0),
    }),
    { epoch: 0, serial: 0 },
  )
}

/** How far the records had come that the branch's history removed, of those at `paths`, from the top. */
async function removedRecords(
  git: Git,
  paths: readonly string[],
): Promise<ReadonlyMap<string, Reach>> {
  const { branch } = git.checkout
  if (paths.length === 0 || branch === undefined) return new Map()
  if ((await commitOf(git, branch)) === undefined) return new Map()
  const wanted = new Set(paths)
  const removed = (await removals(git, branch, paths)).filter(({ path }) => wanted.has(path))
  const contents = await readBlobs(
    git,
    removed.map(({ blob }) => blob),
  )
  const reached = new Map<string, Reach>()
  for (const [index, { path }] of removed.entries()) {
    reached.set(path, furthest([reached.get(path), reachIn(contents[index])]))
  }
  return reached
}

/**
 * What each path held when a commit removed it, on whatever side of a merge: git leaves out a side
 * that came to nothing, unless it is told not to.
 */
async function removals(
  git: Git,
  branch: string,
  paths: readonly string[],
): Promise<readonly { readonly path: string; readonly blob: BlobId }[]> {
  const log = ["log", "--format=", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=D", "-z"]
  // Git compares each file with each path that it is given: many paths are asked for by folder.
  const where = paths.length === 1 ? paths : new Set(paths.map(dirname))
  const walk = ["-m", "--full-history", branch, "--", ...where]
  const fields = (await git.run([...log, ...walk])).toString("utf8").split("\0")
  return fields.flatMap((field, at) => {
    // A commit's end is a line end before the first of its files.
    const [, blob] = /^\s*:\d+ \d+ (\w+) \w+ D$/.exec(field) ?? []
    return blob === undefined ? [] : [{ path: fields[at + 1] ?? "", blob }]
  })
}
