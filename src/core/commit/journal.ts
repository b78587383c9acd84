import { LIMITS } from "../words/limits.js"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { VaultError } from "../words/errors.js"
import { createFile, readRegularFile, removeFile, replaceFile } from "../disk/files.js"
import { lookAt } from "../disk/at-path.js"
import type { BlobId, Git } from "../git/git.js"
import { authorship, moveRef, movedMeanwhile, writeCommit } from "../git/git-commit.js"
import { contains } from "../git/git-merge.js"
import { blobId, commitOf, committedFiles, resolveCommit } from "../git/git-objects.js"
import { OPEN_MODE, journalFile } from "../disk/journal-file.js"
import { VAULT_FOLDER, classify } from "../words/layout.js"
import { commonFolder, findCheckout } from "../disk/place.js"
import { takeBack } from "./half-move.js"
import { type BlobIds, type IsOurs, type KnownFiles, bringForward } from "./work-tree.js"

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
  /** Git moves work tree and index, before the branch; else we do it, after the branch. */
  readonly isForward?: true
}

/** How long a git may go on working after the process that started it was killed. */
const AFTERLIFE_MS = 1000
const ATTEMPTS = 20

let hasWritten = false

/** Writes the journal, before the branch is moved. Throws `BUSY` if one is there. */
export function writeJournal(gitFolder: string, journal: Journal): void {
  if (!createFile(journalFile(gitFolder), JSON.stringify(journal), OPEN_MODE)) {
    const hint = "agent-vault repair"
    throw new VaultError("BUSY", "an earlier change is not complete", { hint })
  }
  hasWritten = true
}

/** Whether this process came as far with any change. */
export function hasWrittenJournal(): boolean {
  return hasWritten
}

/** What is known of a change that was just committed. */
interface JustCommitted extends Required<KnownFiles> {
  /** What was committed before. */
  readonly before: BlobIds
}

/** Brings work tree and index to a change that was just committed, and removes the journal. */
export async function finishChange(
  git: Git,
  journal: Journal,
  { before, contents, seen }: JustCommitted,
): Promise<void> {
  const ours = new Map(
    [...contents].map(([path, bytes]) => [path, bytes && blobId(bytes, git.hash)] as const),
  )
  await bringForward(git, journal, ours, isOneOf(before, ours, journal.wish), { contents, seen })
  await outliveLocks(git.checkout.gitFolder, journal)
  // A commit that the user made meanwhile came from an index that knew nothing of ours.
  if (await isCheckedOut(git, journal)) removeFile(journalFile(git.checkout.gitFolder))
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
  const found = await untilUndisturbed(() => complete(git, journal, before, ours))
  removeFile(journalFile(gitFolder))
  return found
}

/** A user may commit at any moment. Throws `CONFLICT` if that happens all the time. */
async function untilUndisturbed<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = ATTEMPTS; ; left--) {
    try {
      return await attempt()
    } catch (error) {
      if (!VaultError.is(error, "CONFLICT") || left === 0) throw error
    }
  }
}

async function complete(
  git: Git,
  journal: Journal,
  before: BlobIds,
  ours: BlobIds,
): Promise<"discarded" | "completed"> {
  const happened = await hasHappened(git, journal)
  if (happened) await restoreUndone(git, journal, before, ours)
  const head = await headCommit(git)
  if (journal.isForward === true && head === journal.from) await takeBack(git, journal)
  const isOurs = isOneOf(before, ours, journal.wish)
  // The wish of a change that did not happen is still an edit of the user's.
  const mayReplace: IsOurs = (path, blob) =>
    isOurs(path, blob) && (happened || blob === undefined || blob !== journal.wish)
  await bringForward(git, journal, await committedFiles(git, head, journal.folder), mayReplace)
  // What was committed meanwhile may again have come from an index that knew nothing of ours.
  if ((await headCommit(git)) !== head) throw movedMeanwhile(journal.branch)
  return happened ? "completed" : "discarded"
}

function isOneOf(before: BlobIds, ours: BlobIds, wish: BlobId | null): IsOurs {
  return (path, blob) =>
    blob === before.get(path) || blob === ours.get(path) || (blob !== undefined && blob === wish)
}

async function hasHappened(git: Git, { branch, from, to }: Journal): Promise<boolean> {
  const tip = await commitOf(git, branch)
  if (tip === undefined || tip === from) return false
  return tip === to || contains(git, tip, to)
}

/**
 * A user's commit between the crash and the repair was made from an index that knew nothing of our
 * change, or of a half of it, and so took it back. If the files stand as before or as we left
 * them, and somebody else's change is in none, ours is made again.
 */
async function restoreUndone(
  git: Git,
  journal: Journal,
  before: BlobIds,
  ours: BlobIds,
): Promise<void> {
  const { branch, to, folder, paths } = journal
  const tip = await commitOf(git, branch)
  if (tip === undefined || tip === to) return
  const now = await committedFiles(git, tip, folder)
  const undone = paths.filter((path) => now.get(path) !== ours.get(path))
  if (undone.length === 0 || undone.some((path) => now.get(path) !== before.get(path))) return
  const files = new Map(undone.map((path) => [path, ours.get(path)]))
  const message = "agent-vault: complete a change that an interrupted command left behind"
  const commit = await writeCommit(git, await authorship(git), { parent: tip, files, message })
  // Should this process die, the next one knows the locks of this move by it, too.
  replaceFile(
    journalFile(git.checkout.gitFolder),
    JSON.stringify({ ...journal, from: tip, to: commit, paths: undone } satisfies Journal),
    OPEN_MODE,
  )
  await moveRef(git, branch, commit, tip, message)
}

/** Whether HEAD is at our commit; Git is asked only if the ref's own file does not say so. */
async function isCheckedOut(git: Git, { branch, to }: Journal): Promise<boolean> {
  const isOurBranch = findCheckout(git.checkout.top)?.branch === branch
  const ref = join(commonFolder(git.checkout.gitFolder), branch)
  if (isOurBranch && readText(ref)?.trimEnd() === to) return true
  return (await headCommit(git)) === to
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
  const written = lookAt(journalFile(git.checkout.gitFolder))?.mtimeMs ?? 0
  const age = Date.now() - written
  if (age < AFTERLIFE_MS) await sleep(Math.min(AFTERLIFE_MS - age, AFTERLIFE_MS))
}

/** A git that was killed left its locks: they name our commit, or its beginning and are old. */
function removeDeadLocks(gitFolder: string, { branch, from, to }: Journal): void {
  for (const lock of locksOf(gitFolder, branch)) removeDeadLock(lock, to)
  // A git that merges notes where the branch was.
  if (from !== null) removeDeadLock(join(gitFolder, "ORIG_HEAD.lock"), from)
}

function removeDeadLock(lock: string, commit: string): void {
  const content = readText(lock)?.trimEnd()
  if (content === undefined) return
  if (content === commit || (commit.startsWith(content) && isOld(lock))) removeFile(lock)
}

/** Locks that our git could not remove, though it moved the branch, or that another git holds. */
async function outliveLocks(gitFolder: string, journal: Journal): Promise<void> {
  const isThere = (): boolean =>
    locksOf(gitFolder, journal.branch).some((lock) => lookAt(lock) !== undefined)
  for (let left = ATTEMPTS; left > 0 && isThere(); left--) {
    await sleep(AFTERLIFE_MS / ATTEMPTS)
    removeDeadLocks(gitFolder, journal)
  }
}

function locksOf(gitFolder: string, branch: string): string[] {
  return [join(commonFolder(gitFolder), `${branch}.lock`), join(gitFolder, "HEAD.lock")]
}

function isOld(file: string): boolean {
  const stat = lookAt(file)
  // A clock that was set back dates it ahead.
  return stat !== undefined && Math.abs(Date.now() - stat.mtimeMs) > AFTERLIFE_MS / 2
}

function readText(file: string): string | undefined {
  const bytes = readRegularFile(file, LIMITS.journal)
  return bytes && Buffer.from(bytes).toString("utf8")
}

/** Refuses a journal that names other files than a vault's: a repository may come from anywhere. */
function isOfVault({ branch, from, to, folder, paths }: Journal): boolean {
  const parents = folder.split("/")
  return (
    branch.startsWith("refs/heads/") &&
    isCommit(to) &&
    (from === null || isCommit(from)) &&
    parents.at(-1) === VAULT_FOLDER &&
    !parents.includes("..") &&
    paths.every((path) => path.startsWith(`${folder}/`)) &&
    paths.every((path) => classify(path.slice(folder.length + 1)).is !== "stray")
  )
}

function isCommit(id: string): boolean {
  return /^[0-9a-f]{40,64}$/.test(id)
}

function readJournal(gitFolder: string): Journal | undefined {
  const text = readText(journalFile(gitFolder))
  if (text === undefined) return undefined
  try {
    const journal = JSON.parse(text) as Journal
    if (isOfVault(journal)) return journal
    throw new TypeError("it names files that do not belong to a vault")
  } catch (cause) {
    throw new VaultError("BUSY", "the journal of an earlier change cannot be read", {
      hint: `compare the vault with git status, then remove ${journalFile(gitFolder)}`,
      cause,
    })
  }
}
