import { lstatSync } from "node:fs"
import { join } from "node:path"
import { VaultError } from "./errors.js"
import { type BlobId, type Git } from "./git.js"
import {
  blobId,
  blobInWorkTree,
  commitBlobs,
  commitOf,
  committedFiles,
  moveRef,
  stagedFiles,
  writeBlobs,
} from "./git-objects.js"
import { completeJournal, writeJournal } from "./journal.js"
import type { Lock } from "./lock.js"
import type { Checkout } from "./place.js"

/** A change of vault files, decided upon from the files in `observed`. Paths are from the top. */
export interface Change {
  /** New bytes, or undefined for a file that goes. */
  readonly files: ReadonlyMap<string, Uint8Array | undefined>
  /** The blob of each file that was read (undefined: it was not there) to decide this. */
  readonly observed: ReadonlyMap<string, BlobId | undefined>
  /** A file whose uncommitted edit by the user is part of the change: the manifest, in `apply`. */
  readonly wish?: string
  readonly message: string
  /** The folder of the vault, from the top. */
  readonly folder: string
}

const IN_PROGRESS: Readonly<Record<string, string>> = {
  MERGE_HEAD: "a merge",
  "rebase-merge": "a rebase",
  "rebase-apply": "a rebase",
  CHERRY_PICK_HEAD: "a cherry-pick",
  REVERT_HEAD: "a revert",
  BISECT_LOG: "a bisect",
}

/**
 * Makes a change as one commit. Everything is written to Git's object store first; moving the
 * branch is the commit point; before it nothing has happened, after it the journal lets anyone
 * complete the work tree and the index, without a key. Returns the commit.
 * Throws `REPOSITORY_STATE`, `VAULT_DIRTY`, `CONFLICT`, `LOCKED`.
 */
export async function commitChange(git: Git, lock: Lock, change: Change): Promise<string> {
  const branch = changeableBranch(git.checkout)
  const parent = await commitOf(git, branch)
  await refuseDirty(git, parent, change)

  const blobs = new Map(
    [...change.files].map(([path, bytes]) => [path, bytes && blobId(bytes, git.hash)]),
  )
  await writeBlobs(
    git,
    [...change.files.values()].filter((bytes) => bytes !== undefined),
  )
  const commit = await commitBlobs(git, parent, blobs, change.message)

  lock.confirm()
  writeJournal(git.checkout.gitFolder, {
    branch,
    from: parent ?? null,
    to: commit,
    folder: change.folder,
    paths: [...change.files.keys()],
    wish: change.wish === undefined ? null : (change.observed.get(change.wish) ?? null),
  })
  try {
    await moveRef(git, branch, commit, parent, change.message)
  } catch (error) {
    await completeJournal(git)
    throw error
  }
  await completeJournal(git, change.files)
  return commit
}

/** The branch that a change goes to. Throws `REPOSITORY_STATE` where there is none, or not now. */
export function changeableBranch(checkout: Checkout): string {
  for (const [file, what] of Object.entries(IN_PROGRESS)) {
    if (lstatSync(join(checkout.gitFolder, file), { throwIfNoEntry: false }) === undefined) continue
    throw new VaultError("REPOSITORY_STATE", `${what} is in progress in ${checkout.top}`, {
      hint: "finish or abort it first (git status), then repeat the command",
    })
  }
  if (checkout.branch === undefined) {
    throw new VaultError("REPOSITORY_STATE", "HEAD is detached: a change would be on no branch", {
      hint: "git switch BRANCH, then repeat the command",
    })
  }
  return checkout.branch
}

/** What we decided upon, and what we write, must be what HEAD holds: else we would sweep in edits. */
async function refuseDirty(git: Git, parent: string | undefined, change: Change): Promise<void> {
  const committed = await committedFiles(git, parent, change.folder)
  const staged = await stagedFiles(git, change.folder)
  const present = new Map(change.observed)
  for (const path of change.files.keys()) {
    if (!present.has(path)) present.set(path, blobInWorkTree(git, path))
  }
  for (const [path, blob] of present) {
    if (path === change.wish) continue
    const head = committed.get(path)
    if (blob === head && staged.get(path) === head) continue
    throw new VaultError("VAULT_DIRTY", `${path} differs from the last commit`, {
      hint: `commit it, or bring it back: git restore --staged --worktree -- ${path}`,
    })
  }
}
