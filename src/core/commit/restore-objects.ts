import { readFileSync } from "node:fs"
import { join } from "node:path"
import { FolderFiles } from "../disk/files.js"
import { VaultError } from "../words/errors.js"
import { accessing } from "../words/system-error.js"
import type { Git } from "../git/git.js"
import { commitOf } from "../git/git-objects.js"
import { storeBlobs, storeTrees } from "../git/new-objects.js"
import { type LackingFile, lackingFiles } from "../git/object-health.js"
import { blobIn } from "./work-tree.js"

/** What Git lacked of the vault. Paths are from the top of the work tree. */
export interface Restored {
  /** What it has again, from the work tree. */
  readonly restored: readonly string[]
  /** What the work tree has not either. */
  readonly lost: readonly string[]
}

/**
 * Gives Git what it lacks of the vault at `folder`, in the commit that is checked out, where index
 * and work tree still hold it. Throws `GIT_FAILED` if Git cannot even list the files.
 */
export async function restoreObjects(git: Git, folder: string): Promise<Restored> {
  const { branch, top } = git.checkout
  const commit = branch === undefined ? undefined : await commitOf(git, branch)
  const { lacking, folders } = await listLacking(git, commit, folder)
  const files = new FolderFiles(top)
  const held = lacking.filter(({ path, id }) => blobIn(files, path, git) === id)
  await storeBlobs(
    git,
    held.flatMap(({ path }) => files.read(path) ?? []),
  )
  const lost = lacking.filter((file) => !held.includes(file))
  return { restored: [...folders, ...pathsOf(held)], lost: pathsOf(lost) }
}

/** What names the files may be lacking as well: the index names them once more. */
async function listLacking(
  git: Git,
  commit: string | undefined,
  folder: string,
): Promise<{ readonly lacking: LackingFile[]; readonly folders: readonly string[] }> {
  try {
    return { lacking: await lackingFiles(git, commit, folder), folders: [] }
  } catch (error) {
    if (!VaultError.is(error, "GIT_FAILED")) throw error
    const index = join(git.checkout.gitFolder, "index")
    await storeTrees(
      git,
      accessing("read", index, () => readFileSync(index)),
    )
    return { lacking: await lackingFiles(git, commit, folder), folders: [folder] }
  }
}

function pathsOf(files: readonly LackingFile[]): string[] {
  return files.map(({ path }) => path)
}
