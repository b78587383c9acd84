import { randomBytes } from "node:crypto"
import { linkSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { VaultError } from "../words/errors.js"
import { makeFolder, removeFile, removeFolder, rename } from "../disk/files.js"
import { lookAt, listFolder } from "../disk/at-path.js"
import { accessing, attempted, inaccessible, isErrno } from "../words/system-error.js"
import type { BlobId, Git } from "./git.js"
import { parseEntries } from "./git-objects.js"
import { changeFolder } from "../disk/journal-file.js"

/** The index's files, by path from the top. Undefined: the file is absent, or is to be removed. */
type Staged = ReadonlyMap<string, BlobId | undefined>

/** What was staged below a folder while the index had these bytes. */
export interface SeenIndex {
  readonly index: Buffer | undefined
  readonly staged: Staged
}

const COPY = "index-"
const PATIENCE_MS = 10_000
const PAUSE_MS = 25

/** Lists what the user's index holds below `folder`. */
export async function seeStaged(git: Git, folder: string): Promise<SeenIndex> {
  // The bytes come first: if the index changes between the two reads, `stage` sees the difference.
  const index = readIndex(indexOf(git))?.bytes
  return { index, staged: await stagedFiles(git, folder) }
}

/**
 * Puts files into the user's index and leaves the rest of it alone. `choose` gets what is staged
 * below `folder`, and returns the files to stage. An index with the bytes of `seen` is not listed
 * again.
 *
 * Git works on a copy. The index is locked, as Git locks it, only while the copy takes its place.
 * The lock is a link to the copy, so a lock that a killed process left behind can be recognized.
 */
export async function stage(
  git: Git,
  folder: string,
  choose: (staged: Staged) => Staged,
  seen?: SeenIndex,
): Promise<void> {
  const index = indexOf(git)
  const deadline = performance.now() + PATIENCE_MS
  do {
    const place = join(changeFolder(git.checkout.gitFolder), COPY + randomBytes(8).toString("hex"))
    const copy = join(place, "index")
    makeFolder(place)
    try {
      const before = readIndex(index)
      if (before !== undefined) {
        accessing("write", copy, () => writeFileSync(copy, before.bytes))
      }
      const isSeen = seen !== undefined && isSame(before?.bytes, seen.index)
      const files = choose(isSeen ? seen.staged : await stagedFiles(git, folder, copy))
      if (files.size === 0) return
      await updateCopy(git, place, copy, files)
      if (takePlace(copy, index, before)) return
    } finally {
      // While the lock is a link to the copy, the copy proves that the lock is ours.
      if (!isSameFile(copy, `${index}.lock`)) attempted(() => removeFolder(place))
    }
    await sleep(PAUSE_MS)
  } while (performance.now() < deadline)
  throw new VaultError("LOCKED", `another git is at work on ${index}`, {
    hint: `wait for it to end; if none runs, remove ${index}.lock; then: agent-vault repair`,
  })
}

/** Removes what a killed {@link stage} left behind. */
export function removeIndexCopies(gitFolder: string): void {
  const lock = join(gitFolder, "index.lock")
  const folder = changeFolder(gitFolder)
  for (const name of listFolder(folder).filter((each) => each.startsWith(COPY))) {
    if (isSameFile(join(folder, name, "index"), lock)) removeFile(lock)
    removeFolder(join(folder, name))
  }
}

/** Gives a file in conflict an id that equals no blob's. */
async function stagedFiles(git: Git, folder: string, indexFile?: string): Promise<Staged> {
  const args = ["ls-files", "-s", "-z", "--full-name", "--", folder]
  return parseEntries(
    await git.run(args, indexFile === undefined ? {} : { indexFile }),
    /^\d+ (\w+ \d)\t(.*)$/s,
    (id) => (id.endsWith(" 0") ? id.slice(0, -2) : "in conflict"),
  )
}

/**
 * Git reads files again that changed at the moment the index was written, through filters that the
 * repository names. An empty work tree gives it nothing to read, so no filter runs.
 */
async function updateCopy(git: Git, place: string, copy: string, files: Staged): Promise<void> {
  const nothing = join(place, "nothing")
  makeFolder(nothing)
  const aside = ["-C", nothing, `--git-dir=${git.checkout.gitFolder}`, `--work-tree=${nothing}`]
  const input = indexInfo(git, files)
  await git.run([...aside, "update-index", "-z", "--index-info"], { indexFile: copy, input })
}

/** Makes the copy the index, unless another process has locked or changed the index. */
function takePlace(copy: string, index: string, before: Index | undefined): boolean {
  const lock = `${index}.lock`
  // Git reads files as young as the index again. The old time keeps these files marked so.
  if (before !== undefined) {
    accessing("write", copy, () => utimesSync(copy, before.modified, before.modified))
  }
  try {
    linkSync(copy, lock)
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false
    throw inaccessible("write", lock, error)
  }
  try {
    if (!isSame(readIndex(index)?.bytes, before?.bytes)) return false
    rename(lock, index)
    return true
  } finally {
    // After the rename it is gone, and another process may have one by now.
    if (isSameFile(copy, lock)) attempted(() => removeFile(lock))
  }
}

interface Index {
  readonly bytes: Buffer
  /** In whole seconds since 1970, rounded down. */
  readonly modified: number
}

function indexOf(git: Git): string {
  return join(git.checkout.gitFolder, "index")
}

function isSame(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b)
}

function readIndex(index: string): Index | undefined {
  const stat = lookAt(index, "follow")
  if (stat === undefined) return undefined
  const bytes = accessing("read", index, () => readFileSync(index))
  return { bytes, modified: Math.floor(stat.mtimeMs / 1000) }
}

function isSameFile(a: string, b: string): boolean {
  const [first, second] = [a, b].map((file) =>
    accessing("read", file, () => statSync(file, { bigint: true, throwIfNoEntry: false })),
  )
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev
}

function indexInfo(git: Git, files: Staged): string {
  const zero = "0".repeat(git.hash === "sha1" ? 40 : 64)
  return [...files]
    .map(([path, id]) => (id === undefined ? `0 ${zero}\t${path}\0` : `100644 ${id}\t${path}\0`))
    .join("")
}
