import { existsSync, readFileSync } from "node:fs"
import { join, posix, resolve } from "node:path"
import {
  Blobs,
  type Environment,
  VAULT_FOLDER,
  VAULT_RECORD,
  VaultError,
  findCheckout,
  runQuickly,
} from "../../core/guard.js"

/** The repository whose commit is looked at: Git for names, and one Git for contents. */
export interface Repository {
  /** The top of the work tree, as far as it is known. */
  readonly top: string
  readonly blobs: Blobs
  git(args: readonly string[]): Promise<Buffer>
  /** The commits that a merge in progress brings in. */
  merged(): readonly string[]
}

/** Opens the repository of a folder, or the one that Git tells a hook. Throws `NO_REPOSITORY`. */
export function openRepository(cwd: string, env: Environment): Repository {
  const told = env["GIT_DIR"]
  const checkout = told ? undefined : findCheckout(cwd)
  const gitFolder = told ? resolve(cwd, told) : (checkout?.gitFolder ?? bareAt(cwd))
  if (gitFolder === undefined) {
    throw new VaultError("NO_REPOSITORY", `${cwd} is in no Git repository`, {
      hint: "go there, or give files: agent-vault guard FILE..., or a text: --stdin",
    })
  }
  // Git runs a hook at the top of the work tree.
  const top = checkout?.top ?? cwd
  return {
    top,
    blobs: new Blobs(top, env),
    git: (args) => runQuickly(top, env, args),
    merged: () => mergeHeads(gitFolder),
  }
}

/** The folders that hold a vault, by the index: from the top, with `/`; `.` for the top itself. */
export async function listVaults({ git }: Pick<Repository, "git">): Promise<readonly string[]> {
  const glob = `:(top,glob)**/${VAULT_FOLDER}/${VAULT_RECORD}`
  const paths = await git(["--no-literal-pathspecs", "ls-files", "-z", "--", glob])
  const files = paths.toString("utf8").split("\0").slice(0, -1)
  return files.map((path) => posix.dirname(posix.dirname(path)))
}

/** A repository without a work tree, which has ranges all the same. */
function bareAt(folder: string): string | undefined {
  const isBare = ["HEAD", "objects", "refs"].every((name) => existsSync(join(folder, name)))
  return isBare ? folder : undefined
}

function mergeHeads(gitFolder: string): readonly string[] {
  const file = join(gitFolder, "MERGE_HEAD")
  if (!existsSync(file)) return []
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => /^[0-9a-f]{40,64}$/.test(line))
}
