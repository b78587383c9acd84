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

/** The records that the branch's history removed last, of those at `paths`, from the top. */
async function removedRecords(
  git: Git,
  paths: readonly string[],
): Promise<ReadonlyMap<string, Reach>> {
  const { branch } = git.checkout
  if (paths.length === 0 || branch === undefined) return new Map()
  if ((await commitOf(git, branch)) === undefined) return new Map()
  const wanted = new Set(paths)
  const removed = [...(await removals(git, branch, paths))].filter(([path]) => wanted.has(path))
  const blobs = await readBlobs(
    git,
    removed.map(([, blob]) => blob),
  )
  return new Map(
    removed.flatMap(([path], index) => {
      const reach = reachIn(blobs[index])
      return reach === undefined ? [] : [[path, reach]]
    }),
  )
}

/** What each path held when it was removed last. The newest commit comes first. */
async function removals(
  git: Git,
  branch: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, BlobId>> {
  const log = ["log", "--format=", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=D", "-z"]
  // Git compares each file with each path that it is given: many paths are asked for by folder.
  const [only, ...others] = paths
  const where =
    only !== undefined && others.length === 0
      ? ["-1", branch, "--", only]
      : [branch, "--", ...new Set(paths.map(dirname))]
  const fields = (await git.run([...log, ...where])).toString("utf8").split("\0")
  const blobs = new Map<string, BlobId>()
  for (const [at, field] of fields.entries()) {
    const [, blob] = /^:\d+ \d+ (\w+) \w+ D$/.exec(field) ?? []
    const path = fields[at + 1] ?? ""
    if (blob !== undefined && !blobs.has(path)) blobs.set(path, blob)
  }
  return blobs
}
