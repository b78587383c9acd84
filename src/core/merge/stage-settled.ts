import { join } from "node:path"
import type { Draft } from "../change/draft.js"
import { checkFile } from "../check/check-file.js"
import { checkAgainst } from "../check/history.js"
import { blobIn, bringForward } from "../commit/work-tree.js"
import { FolderFiles, removeFile, replaceFiles } from "../disk/files.js"
import type { Environment } from "../disk/homes.js"
import type { Place } from "../disk/place.js"
import type { BlobId, Git } from "../git/git.js"
import { lockingFiles } from "../git/git-locks.js"
import { blobId, readBlobs } from "../git/git-objects.js"
import { withoutPrograms } from "../git/git-programs.js"
import { storeBlobs } from "../git/new-objects.js"
import { memoryOf, noMemory } from "../memory/memory.js"
import { verifyVault } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { classify } from "../words/layout.js"
import { fileWord } from "../words/shell-word.js"
import { pathsOf, unitOf } from "../words/unit.js"
import type { VaultMerge } from "./merge-vault.js"
import type { IndexSides } from "./sides.js"
import { verifyForReaders } from "./verify.js"

/** A merge that a clone is in the middle of, as it was settled. */
export interface CloneMerge {
  readonly git: Git
  /** The folder of the vault, from the top of the work tree. */
  readonly folder: string
  readonly merge: VaultMerge
  readonly draft: Draft
  /** Whether a unit stays in conflict. */
  readonly isLeft: (unit: string) => boolean
}

/**
 * Verifies what was settled as its readers will, and that nothing in it falls behind our side.
 * Throws the codes of exit 5.
 */
export async function verifySettled(
  { draft, merge: { ours, units }, isLeft }: CloneMerge,
  { place, env, now }: { readonly place: Place; readonly env: Environment; readonly now: Date },
): Promise<void> {
  verifyForReaders(draft, memoryOf(ours.id, place, env))
  // Nothing is remembered yet of what may be thrown away.
  const vault = verifyVault(draft, noMemory())
  const changed = [...units.contested, ...[...draft.changes.keys()].map(unitOf)]
  for (const unit of new Set(changed.filter((each) => !isLeft(each)))) {
    for (const path of pathsOf(unit).filter((each) => draft.read(each) !== undefined)) {
      await checkFile(vault, path, classify(path), now, undefined)
    }
  }
  const refused = checkAgainst(ours, vault).findings.find(({ severity }) => severity === "refused")
  if (refused === undefined) return
  throw new VaultError("ROLLED_BACK", `${refused.subject} ${refused.message}`, {
    hint: "the other side is older than this one: take it out of the merge (git merge --abort)",
  })
}

/**
 * Writes what was settled into the work tree and the index. Of what stays in conflict, our side is
 * written into the work tree, whole, and the index keeps both. Returns the paths that were staged.
 * Throws `VAULT_DIRTY`.
 */
export async function stageSettled(
  { git, folder, draft, isLeft }: CloneMerge,
  sides: IndexSides,
  dryRun: boolean,
): Promise<readonly string[]> {
  const left = sides.unmerged.filter(
    (path) => isLeft(unitOf(path)) && classify(path).is !== "stray",
  )
  const wanted = (path: string): BlobId | undefined => {
    const bytes = draft.read(path)
    return bytes && blobId(bytes, git.hash)
  }
  // Git may have staged a file of a unit in conflict by itself, and not the right one.
  const units = new Set([...sides.unmerged.map(unitOf), ...[...sides.renamed.values()].flat()])
  const paths = [...new Set([...[...units].flatMap(pathsOf), ...draft.changes.keys()])]
    .filter((path) => !isLeft(unitOf(path)))
    .filter((path) => sides.unmerged.includes(path) || wanted(path) !== sides.staged.get(path))
    .sort()
  refuseDirty(git, folder, paths, sides)
  refuseLinks(git, folder, left)
  if (dryRun) return paths
  const contents = new Map(paths.map((path) => [`${folder}/${path}`, draft.read(path)]))
  await storeBlobs(
    git,
    [...contents.values()].filter((bytes) => bytes !== undefined),
  )
  const target = new Map(paths.map((path) => [`${folder}/${path}`, wanted(path)]))
  const part = { folder, paths: [...target.keys()] }
  await bringForward(git, part, target, () => true, { contents })
  await refresh(
    git,
    [...contents].flatMap(([path, bytes]) => (bytes === undefined ? [] : path)),
  )
  await writeOurs(git, folder, left, sides)
  return paths
}

/** A file that git merged by itself may have been edited since. */
function refuseDirty(
  git: Git,
  folder: string,
  paths: readonly string[],
  { staged, unmerged }: IndexSides,
): void {
  const present = new FolderFiles(git.checkout.top)
  for (const path of paths.filter((each) => !unmerged.includes(each))) {
    const own = fileWord(path)
    const file = `${folder}/${path}`
    if (blobIn(present, file, git) === staged.get(path)) continue
    throw new VaultError("VAULT_DIRTY", `${file} differs from what is staged`, {
      hint: `stage it: git add -- ${own}; or bring it back: git restore -- ${own}`,
    })
  }
}

/** What stays in conflict is written as well, and never through a link. Throws `FILE_UNSAFE`. */
function refuseLinks(git: Git, folder: string, paths: readonly string[]): void {
  const present = new FolderFiles(git.checkout.top)
  for (const path of paths) blobIn(present, `${folder}/${path}`, git)
}

/** Tells the index that these files are as staged: `git merge --abort` does not look for itself. */
async function refresh(git: Git, paths: readonly string[]): Promise<void> {
  if (paths.length === 0) return
  try {
    const add = ["add", "--refresh", "--pathspec-from-file=-", "--pathspec-file-nul"]
    const args = [...withoutPrograms(git), ...add]
    await lockingFiles(git, ["index"], () => git.run(args, { input: paths.join("\0") }))
  } catch (error) {
    // All is staged. `git status` does the same.
    if (!VaultError.is(error, "GIT_FAILED")) throw error
  }
}

async function writeOurs(
  git: Git,
  folder: string,
  paths: readonly string[],
  { ours }: IndexSides,
): Promise<void> {
  const there = paths.flatMap((path) => {
    const blob = ours.get(path)
    return blob === undefined ? [] : [{ path, blob }]
  })
  const blobs = await readBlobs(
    git,
    there.map(({ blob }) => blob),
  )
  const place = (path: string): string => join(git.checkout.top, folder, path)
  const files = there.map(
    ({ path }, index) => [place(path), blobs[index] ?? new Uint8Array()] as const,
  )
  replaceFiles(new Map(files))
  for (const path of paths.filter((each) => !ours.has(each))) removeFile(place(path))
}
