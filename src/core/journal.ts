import { readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { VaultError } from "./errors.js"
import {
  TEMPORARY,
  createFile,
  isErrno,
  readRegularFile,
  removeFile,
  replaceFile,
} from "./files.js"
import { type BlobId, type Git } from "./git.js"
import {
  blobInWorkTree,
  commitBlobs,
  commitOf,
  committedFiles,
  moveRef,
  readBlobs,
  stage,
  stagedFiles,
} from "./git-objects.js"
import { journalFile } from "./journal-file.js"

/** What must be finished if the process dies: which branch moves from where to where, and the files. */
export interface Journal {
  readonly branch: string
  readonly from: string | null
  readonly to: string
  /** The folder of the vault; this and the paths are from the top of the work tree. */
  readonly folder: string
  readonly paths: readonly string[]
  /** The blob of the user's own edit that became part of the change. */
  readonly wish: BlobId | null
}

const JOURNAL_LIMIT = 64 * 1024 * 1024

/** Writes the journal, before the branch is moved. Throws `BUSY` if one is there. */
export function writeJournal(gitFolder: string, journal: Journal): void {
  if (createFile(journalFile(gitFolder), JSON.stringify(journal), 0o600)) return
  throw new VaultError("BUSY", "an earlier change is not complete", { hint: "agent-vault repair" })
}

/**
 * Completes the change that the journal tells of, or discards it if its branch never moved.
 * Needs no key: everything is in Git. `contents` spares reading the new files from there.
 * Says what it found: nothing, a change that had not happened, or one that it completed.
 */
export async function completeJournal(
  git: Git,
  contents: ReadonlyMap<string, Uint8Array | undefined> = new Map(),
): Promise<"nothing" | "discarded" | "completed"> {
  const journal = readJournal(git.checkout.gitFolder)
  if (journal === undefined) return "nothing"
  const happened = await hasHappened(git, journal)
  if (happened) {
    await restoreUndone(git, journal)
    await bringForward(git, journal, contents)
  }
  removeFile(journalFile(git.checkout.gitFolder))
  return happened ? "completed" : "discarded"
}

async function hasHappened(git: Git, journal: Journal): Promise<boolean> {
  const tip = await commitOf(git, journal.branch)
  if (tip === undefined || tip === journal.from) return false
  return tip === journal.to || isAncestor(git, journal.to, tip)
}

/**
 * A user's commit between the crash and the repair was made from an index that knew nothing of our
 * change, and so took it back. If the branch stands where ours stood before, ours is made again.
 */
async function restoreUndone(git: Git, journal: Journal): Promise<void> {
  const tip = await commitOf(git, journal.branch)
  if (tip === undefined || tip === journal.to) return
  const [now, before, ours] = await Promise.all([
    committedFiles(git, tip, journal.folder),
    committedFiles(git, journal.from ?? undefined, journal.folder),
    committedFiles(git, journal.to, journal.folder),
  ])
  if (journal.paths.some((path) => now.get(path) !== before.get(path))) return
  const wanted = new Map(journal.paths.map((path) => [path, ours.get(path)]))
  const message = "agent-vault: complete a change that an interrupted command left behind"
  const commit = await commitBlobs(git, tip, wanted, message)
  await moveRef(git, journal.branch, commit, tip, message)
}

/** Brings work tree and index to what HEAD holds, where they are as the change found or left them. */
async function bringForward(
  git: Git,
  journal: Journal,
  contents: ReadonlyMap<string, Uint8Array | undefined>,
): Promise<void> {
  const { paths } = journal
  const head =
    git.checkout.branch === undefined ? undefined : await commitOf(git, git.checkout.branch)
  const [target, before, ours] = await Promise.all([
    committedFiles(git, head, journal.folder),
    committedFiles(git, journal.from ?? undefined, journal.folder),
    committedFiles(git, journal.to, journal.folder),
  ])
  const isOurs = (path: string, blob: BlobId | undefined): boolean =>
    blob === before.get(path) || blob === ours.get(path) || blob === (journal.wish ?? undefined)

  const behind = paths.filter((path) => {
    const present = blobInWorkTree(git, path)
    return present !== target.get(path) && isOurs(path, present)
  })
  await writeFiles(git, behind, target, contents)

  const staged = await stagedFiles(git, journal.folder)
  const stale = paths.filter((path) => {
    const blob = staged.get(path)
    return blob !== target.get(path) && isOurs(path, blob)
  })
  await stage(git, new Map(stale.map((path) => [path, target.get(path)])))
}

async function writeFiles(
  git: Git,
  paths: readonly string[],
  target: ReadonlyMap<string, BlobId>,
  contents: ReadonlyMap<string, Uint8Array | undefined>,
): Promise<void> {
  const missing = paths.filter((path) => target.has(path) && contents.get(path) === undefined)
  const blobs = await readBlobs(
    git,
    missing.map((path) => target.get(path) ?? ""),
  )
  const fromGit = new Map(missing.map((path, index) => [path, blobs[index]]))
  for (const path of paths) {
    const bytes = contents.get(path) ?? fromGit.get(path)
    const file = join(git.checkout.top, path)
    if (bytes === undefined) removeFile(file)
    else replaceFile(file, bytes)
  }
  for (const folder of new Set(paths.map((path) => dirname(join(git.checkout.top, path))))) {
    removeTemporaries(folder)
  }
}

/** What a process that was killed while writing left behind. */
function removeTemporaries(folder: string): void {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    if (isErrno(error, "ENOENT")) return
    throw error
  }
  for (const name of names) if (name.startsWith(TEMPORARY)) removeFile(join(folder, name))
}

async function isAncestor(git: Git, old: string, tip: string): Promise<boolean> {
  const base = await git.run(["rev-list", "--max-count=1", old, `^${tip}`])
  return base.length === 0
}

function readJournal(gitFolder: string): Journal | undefined {
  const bytes = readRegularFile(journalFile(gitFolder), JOURNAL_LIMIT)
  if (bytes === undefined) return undefined
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as Journal
  } catch (cause) {
    throw new VaultError("BUSY", "the journal of an earlier change cannot be read", {
      hint: `compare the vault with git status, then remove ${journalFile(gitFolder)}`,
      cause,
    })
  }
}
