import { lstatSync, readdirSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { VaultError } from "./errors.js"
import {
  FolderFiles,
  TEMPORARY,
  createFile,
  isErrno,
  readRegularFile,
  removeFile,
  replaceFile,
} from "./files.js"
import type { BlobId, Git } from "./git.js"
import { authorship, moveRef, writeCommit } from "./git-commit.js"
import { removeIndexCopies, stage } from "./git-index.js"
import { blobId, commitOf, committedFiles, readBlobs, resolveCommit } from "./git-objects.js"
import { journalFile } from "./journal-file.js"
import { SEALED_LIMIT } from "./layout.js"
import { findCheckout } from "./place.js"

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

/** Files by path from the top; undefined, or absent, for one that is not there. */
type Blobs = ReadonlyMap<string, BlobId | undefined>
type Contents = ReadonlyMap<string, Uint8Array | undefined>

/** Whether a blob (undefined: no file) is what the change found or left, and so may be replaced. */
type IsOurs = (path: string, blob: BlobId | undefined) => boolean

const JOURNAL_LIMIT = 64 * 1024 * 1024
/** How long a git may go on working after the process that started it was killed. */
const AFTERLIFE_MS = 1000

/** Writes the journal, before the branch is moved. Throws `BUSY` if one is there. */
export function writeJournal(gitFolder: string, journal: Journal): void {
  if (createFile(journalFile(gitFolder), JSON.stringify(journal), 0o600)) return
  throw new VaultError("BUSY", "an earlier change is not complete", { hint: "agent-vault repair" })
}

/**
 * Brings work tree and index to a change that was just committed, upon what was committed
 * `before`, and removes the journal.
 */
export async function finishChange(
  git: Git,
  journal: Journal,
  before: Blobs,
  contents: Contents,
): Promise<void> {
  const ours = new Map(
    [...contents].map(([path, bytes]) => [path, bytes && blobId(bytes, git.hash)] as const),
  )
  await bringForward(git, journal, ours, isOneOf(before, ours, journal.wish), contents)
  // A commit that the user made meanwhile came from an index that knew nothing of ours.
  if ((await headCommit(git)) === journal.to) removeFile(journalFile(git.checkout.gitFolder))
  else await completeJournal(git)
}

/**
 * Completes the change that the journal tells of, or discards it if its branch never moved.
 * Needs no key: everything is in Git. Says what it found: nothing, a change that had not happened,
 * or one that it completed.
 */
export async function completeJournal(git: Git): Promise<"nothing" | "discarded" | "completed"> {
  const { gitFolder } = git.checkout
  const journal = readJournal(gitFolder)
  if (journal === undefined) return "nothing"
  await outliveGit(git, journal)
  removeDeadLocks(gitFolder, journal)
  const [before, ours] = await Promise.all([
    committedFiles(git, journal.from ?? undefined, journal.folder),
    committedFiles(git, journal.to, journal.folder),
  ])
  const happened = await hasHappened(git, journal)
  if (happened) await restoreUndone(git, journal, before, ours)
  const head = await committedFiles(git, await headCommit(git), journal.folder)
  const isOurs = isOneOf(before, ours, journal.wish)
  // The wish of a change that did not happen is still an edit of the user's.
  const mayReplace: IsOurs = (path, blob) =>
    isOurs(path, blob) && (happened || blob === undefined || blob !== journal.wish)
  await bringForward(git, journal, head, mayReplace)
  removeFile(journalFile(gitFolder))
  return happened ? "completed" : "discarded"
}

function isOneOf(before: Blobs, ours: Blobs, wish: BlobId | null): IsOurs {
  return (path, blob) =>
    blob === before.get(path) || blob === ours.get(path) || (blob !== undefined && blob === wish)
}

async function hasHappened(git: Git, { branch, from, to }: Journal): Promise<boolean> {
  const tip = await commitOf(git, branch)
  if (tip === undefined || tip === from) return false
  return tip === to || isAncestor(git, to, tip)
}

/**
 * A user's commit between the crash and the repair was made from an index that knew nothing of our
 * change, or of a half of it, and so took it back. If the files stand as before or as we left
 * them, and somebody else's change is in none, ours is made again.
 */
async function restoreUndone(
  git: Git,
  { branch, to, folder, paths }: Journal,
  before: Blobs,
  ours: Blobs,
): Promise<void> {
  const tip = await commitOf(git, branch)
  if (tip === undefined || tip === to) return
  const now = await committedFiles(git, tip, folder)
  const undone = paths.filter((path) => now.get(path) !== ours.get(path))
  if (undone.length === 0 || undone.some((path) => now.get(path) !== before.get(path))) return
  const files = new Map(undone.map((path) => [path, ours.get(path)]))
  const message = "agent-vault: complete a change that an interrupted command left behind"
  const commit = await writeCommit(git, await authorship(git), { parent: tip, files, message })
  await moveRef(git, branch, commit, tip, message)
}

/** Brings work tree and index to `target`, where they are as the change found or left them. */
async function bringForward(
  git: Git,
  { paths, folder }: Journal,
  target: Blobs,
  isOurs: IsOurs,
  contents: Contents = new Map(),
): Promise<void> {
  const isBehind = (path: string, blob: BlobId | undefined): boolean =>
    blob !== target.get(path) && isOurs(path, blob)

  const present = new FolderFiles(git.checkout.top)
  const behind = paths.filter((path) => isBehind(path, blobIn(present, path, git)))
  await writeFiles(git, behind, target, contents)
  for (const below of new Set(paths.map(dirname))) removeTemporaries(join(git.checkout.top, below))

  await stage(git, folder, (staged) => {
    const stale = paths.filter((path) => isBehind(path, staged.get(path)))
    return new Map(stale.map((path) => [path, target.get(path)]))
  })
}

/** The blob of a file of the work tree; undefined when there is none. */
export function blobIn(files: FolderFiles, path: string, { hash }: Git): BlobId | undefined {
  const bytes = files.read(path, SEALED_LIMIT)
  return bytes && blobId(bytes, hash)
}

async function writeFiles(
  git: Git,
  paths: readonly string[],
  target: Blobs,
  contents: Contents,
): Promise<void> {
  const wanted = paths.flatMap((path) => {
    const blob = contents.has(path) ? undefined : target.get(path)
    return blob === undefined ? [] : [[path, blob] as const]
  })
  const blobs = await readBlobs(
    git,
    wanted.map(([, blob]) => blob),
  )
  const fromGit = new Map(wanted.map(([path], index) => [path, blobs[index]]))
  for (const path of paths) {
    const bytes = contents.get(path) ?? fromGit.get(path)
    const file = join(git.checkout.top, path)
    if (bytes === undefined) removeFile(file)
    else replaceFile(file, bytes)
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

/** The commit that is checked out now; undefined on an unborn branch. */
async function headCommit(git: Git): Promise<string | undefined> {
  const branch = findCheckout(git.checkout.top)?.branch
  return branch === undefined ? resolveCommit(git, "HEAD") : commitOf(git, branch)
}

/** A git whose parent was killed may still move the branch from where it was, or be at it. */
async function outliveGit(git: Git, { branch, from, to }: Journal): Promise<void> {
  const tip = (await commitOf(git, branch)) ?? null
  if (tip !== from && tip !== to) return
  const age = Date.now() - statSync(journalFile(git.checkout.gitFolder)).mtimeMs
  if (age < AFTERLIFE_MS) await sleep(Math.min(AFTERLIFE_MS - age, AFTERLIFE_MS))
}

/** A git that was killed left its locks: they name our commit, or are empty and old. */
function removeDeadLocks(gitFolder: string, { branch, to }: Journal): void {
  removeIndexCopies(gitFolder)
  const shared = readText(join(gitFolder, "commondir"))?.trimEnd()
  const common = shared === undefined ? gitFolder : resolve(gitFolder, shared)
  for (const lock of [join(common, `${branch}.lock`), join(gitFolder, "HEAD.lock")]) {
    const content = readText(lock)?.trimEnd()
    if (content === to || (content === "" && isOld(lock))) removeFile(lock)
  }
}

function isOld(file: string): boolean {
  const stat = lstatSync(file, { throwIfNoEntry: false })
  return stat !== undefined && Date.now() - stat.mtimeMs > AFTERLIFE_MS / 2
}

async function isAncestor(git: Git, old: string, tip: string): Promise<boolean> {
  const base = await git.run(["rev-list", "--max-count=1", old, `^${tip}`])
  return base.length === 0
}

function readText(file: string): string | undefined {
  const bytes = readRegularFile(file, JOURNAL_LIMIT)
  return bytes && Buffer.from(bytes).toString("utf8")
}

function readJournal(gitFolder: string): Journal | undefined {
  const text = readText(journalFile(gitFolder))
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as Journal
  } catch (cause) {
    throw new VaultError("BUSY", "the journal of an earlier change cannot be read", {
      hint: `compare the vault with git status, then remove ${journalFile(gitFolder)}`,
      cause,
    })
  }
}
