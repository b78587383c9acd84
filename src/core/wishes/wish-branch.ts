import { posix } from "node:path"
import { type Checkout, type Place, findVault, gitPath } from "../disk/place.js"
import { type Git, checkoutAround } from "../git/git.js"
import { LEFT_UNSIGNED, authorship, moveRef, writeCommit } from "../git/git-commit.js"
import { contains } from "../git/git-merge.js"
import { commitOf, plainFiles, readVaultFiles, resolveCommit } from "../git/git-objects.js"
import { digestOf } from "../records/record.js"
import { VaultError } from "../words/errors.js"
import { MANIFEST } from "../words/layout.js"
import type { OnNote } from "../words/note.js"
import { utc } from "../words/time.js"

/** What all branches with wishes are called, as people write it. */
export const WISH_BRANCHES = "agent-vault/request/"

/** A name on a branch of a wish that Git could refuse, or that is too long for a file. */
const PLAIN = /^(?!.*(?:\.\.|\.$|\.lock$))[\w.+-]{1,120}$/
const ATTEMPTS = 5

/** A change of the manifest that somebody wishes for. */
export interface Wish {
  /** Where it goes below {@link WISH_BRANCHES}, and the vault's part there: `access/ci/stripe`. */
  readonly branch: string
  /** Whether a manifest holds it already. */
  readonly isIn: (manifest: Uint8Array) => boolean
  /** The manifest with it. */
  readonly addTo: (manifest: Uint8Array) => Uint8Array
  /** Of the commit, the subject first. */
  readonly message: string
}

/** Where a wish stands. */
export type WishPlace =
  /** In the manifest of the commit that is checked out, where an owner's apply meets it. */
  | { readonly is: "pending" }
  | {
      /** Whether it was put on its branch now. */
      readonly is: "asked" | "asked-already"
      readonly branch: string
      readonly commit: string
      /** When it was put there. UTC. */
      readonly at: string
    }

/** The path of a branch from the names that it is about. */
export function wishBranch(kind: string, agent: string, names: readonly string[]): string {
  return [kind, agent, names.join("+")].map(asPart).join("/")
}

function asPart(name: string): string {
  return PLAIN.test(name) ? name : `x-${digestOf(name).slice("sha256:".length).slice(0, 16)}`
}

/**
 * What names the vault in a branch's path, where it is not at the top of the repository: of two vaults
 * that are asked for the same, each has a branch of its own. `folder` is the vault's, from the top.
 */
function vaultPart(folder: string): string {
  const above = posix.dirname(folder)
  if (above === ".") return ""
  // With a `/` it is no plain name, and told by its digest.
  const name = above.includes("+") ? `${above}/` : above.replaceAll("/", "+")
  return `in-${asPart(name)}/`
}

/** The checkout around a vault. Throws `NO_REPOSITORY`. */
export function wishingCheckout(place: Place): Checkout {
  const hint = "a request is a branch of the vault's repository: ask an owner yourself"
  return checkoutAround(findVault(place.root), hint)
}

/**
 * Puts a wish on a branch of its own, as a commit on what is checked out, and touches neither work
 * tree nor index nor the branch that is checked out; uncommitted edits do not come along. A wish that
 * stands there, or in the manifest of what is checked out, is left as it is. Throws
 * `REPOSITORY_STATE`, `MANIFEST_INVALID`, `GIT_FAILED`, `CONFLICT`.
 */
export async function putWish(
  git: Git,
  place: Place,
  wish: Wish,
  onNote?: OnNote,
): Promise<WishPlace> {
  for (let left = ATTEMPTS; ; left--) {
    try {
      return await attempt(git, gitPath(git.checkout, place.root), wish, onNote)
    } catch (error) {
      if (!VaultError.is(error, "CONFLICT") || left === 1) throw error
    }
  }
}

async function attempt(
  git: Git,
  folder: string,
  wish: Wish,
  onNote: OnNote | undefined,
): Promise<WishPlace> {
  const branch = `${WISH_BRANCHES}${vaultPart(folder)}${wish.branch}`
  const ref = `refs/heads/${branch}`
  const head = await checkedOut(git)
  const tip = await commitOf(git, ref)
  const isOpen = tip !== undefined && !(await contains(git, head, tip))
  const manifestOfHead = await manifestAt(git, head, folder)
  if (wish.isIn(manifestOfHead)) return { is: "pending" }
  // A branch that was merged begins anew from what is checked out; an open one goes on.
  const parent = isOpen ? tip : head
  const manifest = isOpen ? await manifestAt(git, tip, folder) : manifestOfHead
  if (isOpen && wish.isIn(manifest)) {
    return { is: "asked-already", branch, commit: tip, at: await timeOf(git, ref) }
  }
  if (tip !== undefined) await refuseCheckedOut(git, ref, branch)
  const by = await authorship(git)
  const files = new Map([[`${folder}/${MANIFEST}`, wish.addTo(manifest)]])
  const commit = await writeCommit(git, by, { parent, files, message: wish.message })
  await moveRef(git, ref, commit, tip, wish.message.split("\n")[0] ?? "")
  if (by.isLeftUnsigned) onNote?.(LEFT_UNSIGNED)
  return { is: "asked", branch, commit, at: await timeOf(git, ref) }
}

/** The commit that is checked out, on a branch or not. Throws `REPOSITORY_STATE`. */
async function checkedOut(git: Git): Promise<string> {
  try {
    return await resolveCommit(git, "HEAD")
  } catch (cause) {
    if (!VaultError.is(cause, "USAGE")) throw cause
    throw new VaultError("REPOSITORY_STATE", "the branch that is checked out has no commit yet", {
      hint: "commit the vault's files first (git add .agent-vault, git commit), or ask an owner yourself",
      cause,
    })
  }
}

/** The manifest as a commit has it. Throws `MANIFEST_INVALID`, `FILE_UNSAFE`. */
export async function manifestAt(git: Git, commit: string, folder: string): Promise<Uint8Array> {
  const path = `${folder}/${MANIFEST}`
  const files = await plainFiles(git, commit, path)
  const id = files.get(path)
  const found = id && (await readVaultFiles(git, new Map([[MANIFEST, id]]))).get(MANIFEST)
  if (found) return found
  throw new VaultError("MANIFEST_INVALID", `${commit.slice(0, 12)} has no ${path}`, {
    hint: "commit the vault's files first (git add .agent-vault, git commit), or ask an owner yourself",
  })
}

/** Who looks at a branch would find their work tree behind it. */
async function refuseCheckedOut(git: Git, ref: string, branch: string): Promise<void> {
  const found = await git.run(["for-each-ref", "--format=%(worktreepath)", ref])
  const where = found.toString("utf8").trimEnd()
  if (where === "") return
  throw new VaultError("REPOSITORY_STATE", `the branch ${branch} is checked out in ${where}`, {
    hint: "switch to another branch there, then ask again",
  })
}

/** When the commit that a branch is at was made. */
async function timeOf(git: Git, ref: string): Promise<string> {
  const found = await git.run(["for-each-ref", "--format=%(committerdate:unix)", ref])
  return utc(new Date(Number(found.toString("utf8").trim()) * 1000))
}
