import { mayWrite } from "../disk/at-path.js"
import { FolderFiles } from "../disk/files.js"
import { type Environment, stateHome } from "../disk/homes.js"
import { journalExists } from "../disk/journal-file.js"
import type { Place } from "../disk/place.js"
import { openGit } from "../git/git.js"
import { runQuickly } from "../git/git-quick.js"
import { VaultError } from "../words/errors.js"
import { ATTRIBUTES, ATTRIBUTE_LINES } from "../words/layout.js"

/** What a clone of a vault is like, apart from its records. */
export interface CloneFacts {
  /** Without `refs/heads/`; absent where HEAD is detached. */
  readonly branch?: string
  /** An earlier change was interrupted. */
  readonly isIncomplete: boolean
  /** What its `.gitattributes` lack. */
  readonly attributes: readonly string[]
  /** When the newest commit was made, by the clock of its machine. */
  readonly newest?: Date
  /** Files of the work tree that hold the private half of an age key, from its top. */
  readonly keyFiles: readonly string[]
}

/** Looks at the clone that a vault lies in; undefined for one without a repository. Throws `GIT_FAILED`. */
export async function cloneFacts(place: Place, env: Environment): Promise<CloneFacts | undefined> {
  const { checkout } = place
  if (checkout === undefined) return undefined
  const git = await openGit(checkout, env)
  const said = async (...args: readonly string[]): Promise<string> =>
    (await git.run(args)).toString("utf8")
  const lines = Buffer.from(new FolderFiles(place.root).read(ATTRIBUTES) ?? []).toString("utf8")
  const present = new Set(lines.split(/\r?\n/))
  const newest = await said("log", "--max-count=1", "--format=%ct", "HEAD").catch(none)
  const found = await said("grep", "--untracked", "-l", "-z", "-E", "-e", PRIVATE_KEY).catch(none)
  return {
    ...(checkout.branch === undefined
      ? {}
      : { branch: checkout.branch.replace("refs/heads/", "") }),
    isIncomplete: journalExists(place),
    attributes: ATTRIBUTE_LINES.filter((line) => !present.has(line)),
    ...(newest === "" ? {} : { newest: new Date(Number(newest) * 1000) }),
    keyFiles: found.split("\0").filter(Boolean).sort(),
  }
}

/** The Bech32 of an age identity, classic or post-quantum (age spec, "X25519 recipient type"). */
const PRIVATE_KEY = "^AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]{20}"

/** A repository without a commit, a grep that finds nothing: git ends with 1. */
function none(error: unknown): string {
  if (VaultError.is(error, "GIT_FAILED")) return ""
  throw error
}

/** The version of the git on the PATH, as `2.39.5`. Throws `NO_GIT`. */
export async function gitVersion(env: Environment, folder: string): Promise<string> {
  const said = (await runQuickly(folder, env, ["version"])).toString("utf8")
  return /\d+(?:\.\d+)+/.exec(said)?.[0] ?? said.trim()
}

/** The folder for what this machine believes and notes, where it cannot be written. */
export function unwritableState(env: Environment): string | undefined {
  const folder = stateHome(env)
  return mayWrite(folder) ? undefined : folder
}
