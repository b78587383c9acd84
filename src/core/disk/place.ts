import { LIMITS } from "../words/limits.js"
import { hash } from "node:crypto"
import { readlinkSync, realpathSync } from "node:fs"
import { dirname, join, relative, resolve, sep } from "node:path"
import { VaultError } from "../words/errors.js"
import { inFolder, readRegularFile } from "./files.js"
import { journalExists } from "./journal-file.js"
import { lookAt, realPath } from "./at-path.js"
import { STUB, branchInTables } from "./ref-tables.js"
import { accessing, isErrno, inaccessible } from "../words/system-error.js"
import { MANIFEST, VAULT_FOLDER, VAULT_RECORD, limitOf } from "../words/layout.js"

/** A checkout that holds a vault. Files alone decide it; no git runs. */
export interface Checkout {
  /** The top folder of the work tree. */
  readonly top: string
  /** The folder with this work tree's HEAD and index. */
  readonly gitFolder: string
  /** Names the clone: the same for all its work trees. */
  readonly clone: string
  /** The ref that HEAD names, `refs/heads/main`; undefined when HEAD is detached. */
  readonly branch: string | undefined
}

/** Where a vault is. */
export interface Place {
  /** The folder `.agent-vault`. */
  readonly root: string
  /** Undefined when the folder is in no work tree: in a container image, say. */
  readonly checkout: Checkout | undefined
}

/**
 * Finds the vault of `folder`: the nearest one, upwards. Throws `NO_VAULT`, `FOREIGN_VAULT`; `BUSY`
 * where an `init` was interrupted before it wrote the files.
 */
export function findVault(folder: string): Place {
  const start = existingFolder(folder)
  for (const above of upwards(start)) {
    const root = join(above, VAULT_FOLDER)
    const stat = lookAt(root)
    if (stat === undefined) continue
    if (!stat.isDirectory()) throw notAFolder(root)
    if (readRegularFile(inFolder(root, VAULT_RECORD), limitOf(VAULT_RECORD)) !== undefined) {
      return { root, checkout: checkoutAt(above) }
    }
    if (lookAt(join(root, MANIFEST)) !== undefined) {
      refuseHalfMade(above)
      throw foreign(root)
    }
  }
  refuseHalfMade(start)
  throw new VaultError("NO_VAULT", `no vault in ${start} or above it`, {
    hint: "go to its clone, or: agent-vault init",
  })
}

/** The same, for what works without a vault too: undefined where there is none of ours. Throws `BUSY`. */
export function findVaultOrNone(folder: string): Place | undefined {
  try {
    return findVault(folder)
  } catch (error) {
    if (VaultError.is(error, "NO_VAULT") || VaultError.is(error, "FOREIGN_VAULT")) return undefined
    throw error
  }
}

/** An `init` that was interrupted may have written some of the files. */
function refuseHalfMade(folder: string): void {
  if (!journalExists({ root: folder, checkout: findCheckout(folder) })) return
  throw new VaultError("BUSY", `a change of the vault in ${folder} is not complete`, {
    hint: "agent-vault repair",
  })
}

function notAFolder(root: string): VaultError {
  return new VaultError("FILE_UNSAFE", `${root} is refused: it is not a folder`, {
    hint: "a link is not followed: bring the folder back with git, or move what is there away",
  })
}

/** Refuses a folder `.agent-vault` that another program of that name made. */
export function foreign(root: string): VaultError {
  return new VaultError("FOREIGN_VAULT", `${root} holds a manifest but no vault.json`, {
    hint: "another program's vault, or a damaged one: bring vault.json back with git, or move the folder away",
  })
}

/** The work tree around `folder`, undefined when there is none. */
export function findCheckout(folder: string): Checkout | undefined {
  return checkoutAt(existingFolder(folder))
}

/** The same around a folder whose path has no links in it. */
function checkoutAt(folder: string): Checkout | undefined {
  for (const top of upwards(folder)) {
    const gitFolder = gitFolderOf(top)
    if (gitFolder === undefined) continue
    let clone: string | undefined
    return {
      top,
      gitFolder,
      // When it is asked for: the guard, which runs at every commit, does without.
      get clone() {
        clone ??= cloneOf(gitFolder)
        return clone
      },
      branch: branchOf(gitFolder),
    }
  }
  return undefined
}

function cloneOf(gitFolder: string): string {
  return hash("sha256", realPath(commonFolder(gitFolder))).slice(0, 32)
}

/** The folder with the objects and refs of all work trees of a clone. */
export function commonFolder(gitFolder: string): string {
  const shared = readPointer(inFolder(gitFolder, "commondir"))
  return shared === undefined ? gitFolder : resolve(gitFolder, shared)
}

/** A path as Git names it: from the top of the work tree, with `/`. */
export function gitPath({ top }: Checkout, path: string): string {
  // Node compiles `relative` anew in each process, and most paths lie below.
  if (path.startsWith(`${top}/`)) return path.slice(top.length + 1)
  return relative(top, path).split(sep).join("/")
}

/** The Git folder of the work tree whose top is `top`; a `.git` file leads there (gitfile). */
function gitFolderOf(top: string): string | undefined {
  const dotGit = join(top, ".git")
  const stat = lookAt(dotGit, "follow")
  if (stat?.isDirectory() === true) return isGitFolder(dotGit) ? dotGit : undefined
  if (stat?.isFile() !== true) return undefined
  const pointer = readPointer(dotGit)
  if (pointer?.startsWith("gitdir: ") !== true) return undefined
  const target = resolve(top, pointer.slice("gitdir: ".length))
  return isGitFolder(target) ? target : undefined
}

function isGitFolder(folder: string): boolean {
  return lookAt(inFolder(folder, "HEAD")) !== undefined
}

function branchOf(gitFolder: string): string | undefined {
  const file = inFolder(gitFolder, "HEAD")
  // With core.preferSymlinkRefs, and in old repositories, HEAD is a link to the branch itself.
  if (lookAt(file)?.isSymbolicLink() === true) {
    const target = accessing("read", file, () => readlinkSync(file))
    if (target.startsWith("refs/")) return target
  }
  const head = readPointer(file)
  if (head === STUB) return branchInTables(gitFolder)
  return head?.startsWith("ref: ") === true ? head.slice("ref: ".length) : undefined
}

/** The branch that a rebase under way moves when it is done; undefined if there is none. */
export function rebasedBranch(gitFolder: string): string | undefined {
  const names = ["rebase-merge", "rebase-apply"].map((folder) =>
    readPointer(join(gitFolder, folder, "head-name")),
  )
  return names.find((name) => name?.startsWith("refs/heads/"))
}

function readPointer(file: string): string | undefined {
  const bytes = readRegularFile(file, LIMITS.gitPointer, file, "follow")
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8").trimEnd()
}

/** A folder, and each above it, up to the root. */
export function* upwards(start: string): Generator<string> {
  for (let folder = start; ; folder = dirname(folder)) {
    yield folder
    if (dirname(folder) === folder) return
  }
}

function existingFolder(folder: string): string {
  try {
    return realpathSync(folder)
  } catch (cause) {
    if (isErrno(cause, "EACCES", "EPERM", "EIO", "EMFILE", "ENFILE")) {
      throw inaccessible("find", folder, cause)
    }
    throw new VaultError("NO_VAULT", `there is no folder ${folder}`, {
      hint: "give an existing folder (--dir; in the SDK: dir)",
      cause,
    })
  }
}
