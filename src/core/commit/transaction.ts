import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { VaultError } from "../words/errors.js"
import { FolderFiles } from "../disk/files.js"
import { inProgress, isMixing } from "../disk/in-progress.js"
import type { BlobId, Git } from "../git/git.js"
import { LEFT_UNSIGNED, authorship, moveRef, writeCommit } from "../git/git-commit.js"
import { seeStaged } from "../git/git-index.js"
import { commitOf, committedFiles } from "../git/git-objects.js"
import { type Journal, completeJournal, finishChange, writeJournal } from "./journal.js"
import { type MaybeUnfinished, withUnfinished } from "../words/unfinished.js"
import { MANIFEST, POLICY_WISH } from "../words/layout.js"
import { fileWord } from "../words/shell-word.js"
import type { OnNote } from "../words/note.js"
import type { Lock } from "./lock.js"
import type { Checkout } from "../disk/place.js"
import { type BlobIds, blobIn } from "./work-tree.js"

/** How often a commit is made anew because the user committed meanwhile. */
const ATTEMPTS = 50

/** How a user's edit of a wish is kept; of any other file: by a commit. */
const KEEPS: ReadonlyMap<string, string> = new Map([
  [MANIFEST, "apply it: agent-vault apply"],
  [POLICY_WISH, "commit it, or sign it: agent-vault policy set"],
])

/** A change of vault files, decided upon from the files in `observed`. Paths are from the top. */
export interface PlannedCommit {
  /** New bytes, or undefined for a file that goes. */
  readonly files: ReadonlyMap<string, Uint8Array | undefined>
  /** The blob of each file that was read (undefined: it was not there) to decide this. */
  readonly observed: ReadonlyMap<string, BlobId | undefined>
  /** A file whose uncommitted edit by the user is part of the change: the manifest, in `apply`. */
  readonly wish?: string
  readonly message: string
  /** The folder of the vault, from the top. */
  readonly folder: string
  readonly onNote?: OnNote | undefined
}

/** A change that is made. The next command completes what is unfinished of it, without a key. */
export interface Committed extends MaybeUnfinished {
  readonly commit: string
}

/**
 * Makes a change as one commit. Everything is written to Git's object store first; moving the
 * branch is the commit point; before it nothing has happened, after it the journal lets anyone
 * complete the work tree and the index, without a key.
 * Throws `REPOSITORY_STATE`, `VAULT_DIRTY`, `CONFLICT`, `LOCKED`, and what git or the disk refuses:
 * then nothing has happened. Throws `BUSY` if nobody can tell.
 */
export async function commitChange(
  git: Git,
  lock: Lock,
  change: PlannedCommit,
): Promise<Committed> {
  const branch = changeableBranch(git.checkout)
  let decidedOn: BlobIds | undefined
  for (let left = ATTEMPTS; ; left--) {
    try {
      return await attempt(git, lock, branch, change, (committed) => (decidedOn ??= committed))
    } catch (error) {
      if (!VaultError.is(error, "CONFLICT") || left === 1) throw error
      // Where only other files moved, what was computed still holds.
      const now = await committedFiles(git, await commitOf(git, branch), change.folder)
      if (!isDeepStrictEqual(now, decidedOn)) throw error
    }
  }
}

/** One commit upon what the branch is at now; `onBase` gets the vault's files there. */
async function attempt(
  git: Git,
  lock: Lock,
  branch: string,
  change: PlannedCommit,
  onBase: (committed: BlobIds) => void,
): Promise<Committed> {
  const { folder, files, message } = change
  const [[parent, committed], seen, by] = await Promise.all([
    commitOf(git, branch).then(
      async (tip) => [tip, await committedFiles(git, tip, folder)] as const,
    ),
    seeStaged(git, folder),
    authorship(git),
  ])
  onBase(committed)
  refuseDirty(git, change, committed, seen.staged)
  const commit = await writeCommit(git, by, { parent, files, message })

  lock.confirm()
  const wish = change.wish === undefined ? null : (change.observed.get(change.wish) ?? null)
  const paths = [...files.keys()]
  const journal = { branch, from: parent ?? null, to: commit, folder, paths, wish }
  writeJournal(git.checkout.gitFolder, journal)
  try {
    await moveRef(git, branch, commit, parent, message)
  } catch (error) {
    return settleMove(git, journal, error)
  }
  if (by.isLeftUnsigned) change.onNote?.(LEFT_UNSIGNED)
  try {
    await finishChange(git, journal, { before: committed, contents: files, seen })
  } catch (cause) {
    return withUnfinished<Committed>({ commit }, incomplete(cause))
  }
  return { commit }
}

/**
 * Finds out what the move of a branch came to that ended in `cause`, and throws it if to nothing.
 * Throws `BUSY` if nobody can tell.
 */
export async function settleMove(git: Git, journal: Journal, cause: unknown): Promise<Committed> {
  const { branch, from, to } = journal
  try {
    if ((await completeJournal(git)) !== "discarded") return { commit: to }
  } catch (error) {
    const tip = await tipOf(git, branch)
    if (tip === to) return withUnfinished<Committed>({ commit: to }, incomplete(error))
    // The git that was to move it has ended.
    if (tip !== from) throw undecided(error)
  }
  throw cause
}

/** Where a branch is; `unknown` if Git cannot tell. */
async function tipOf(git: Git, branch: string): Promise<string | null> {
  try {
    return (await commitOf(git, branch)) ?? null
  } catch {
    return "unknown"
  }
}

/**
 * The branch that a change goes to. Throws `REPOSITORY_STATE` if HEAD is detached, or a merge, a
 * rebase or the like is in progress.
 */
export function changeableBranch(checkout: Checkout): string {
  const what = inProgress(checkout.gitFolder)
  if (what !== undefined) {
    const first = isMixing(checkout.gitFolder)
      ? "if files of the vault are in conflict: agent-vault resolve; "
      : ""
    throw new VaultError("REPOSITORY_STATE", `${what} is in progress in ${checkout.top}`, {
      hint: `${first}finish or abort it first (git status), then repeat the command`,
    })
  }
  if (checkout.branch === undefined) {
    throw new VaultError("REPOSITORY_STATE", "HEAD is detached: a change would be on no branch", {
      hint: "git switch BRANCH, then repeat the command",
    })
  }
  return checkout.branch
}

/** What HEAD holds must be what we decided upon and replace: else we would sweep in edits. */
function refuseDirty(
  git: Git,
  { files, observed, wish, folder }: PlannedCommit,
  committed: ReadonlyMap<string, BlobId>,
  staged: ReadonlyMap<string, BlobId | undefined>,
): void {
  const workTree = new FolderFiles(git.checkout.top)
  const there = new Set(new FolderFiles(join(git.checkout.top, folder)).list())
  const isPresent = (path: string): boolean => there.has(path.slice(folder.length + 1))
  const isAsCommitted = (path: string): boolean => {
    const head = committed.get(path)
    if (staged.get(path) !== head) return false
    if (observed.has(path)) return observed.get(path) === head
    return files.has(path) ? blobIn(workTree, path, git) === head : isPresent(path)
  }
  for (const path of new Set([...observed.keys(), ...files.keys(), ...committed.keys()])) {
    if (path === wish || isAsCommitted(path)) continue
    const keep = KEEPS.get(path.slice(folder.length + 1)) ?? "commit it"
    // Git restores nothing that it was told to leave out.
    const sparse = isPresent(path)
      ? ""
      : "; where a sparse checkout leaves it out: git sparse-checkout disable"
    throw new VaultError("VAULT_DIRTY", `${path} differs from the last commit`, {
      hint: `${keep}; or bring it back: git restore --staged --worktree -- ${fileWord(path.slice(folder.length + 1))}${sparse}`,
    })
  }
}

/** The branch has moved, so the change stands; what is missing follows with the next command. */
export function incomplete(cause: unknown): VaultError {
  return new VaultError("BUSY", `not all files are written to the work tree: ${reason(cause)}`, {
    hint: "solve that, then complete the change (no key needed): agent-vault repair",
    cause,
  })
}

function undecided(cause: unknown): VaultError {
  const what = "whether the change was made cannot be told"
  return new VaultError("BUSY", `${what}: ${reason(cause)}`, {
    hint: "solve that, then let it be found out (no key needed): agent-vault repair",
    cause,
  })
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
