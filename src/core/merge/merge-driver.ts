import { LIMITS } from "../words/limits.js"
import { readRegularFile, replaceFile } from "../disk/files.js"
import type { Environment } from "../disk/homes.js"
import { vaultNamedIn } from "../records/manifest.js"
import { MANIFEST, vaultPath } from "../words/layout.js"
import { repositoryAround } from "./driver-setup.js"
import { mergeManifests } from "./merge-manifest.js"

/** The files that git hands to a merge driver (gitattributes, "Defining a custom merge driver"). */
interface DriverFiles {
  /** `%O`, the common ancestor; empty where there is none. */
  readonly base: string
  /** `%A`: ours, and where the result goes. */
  readonly ours: string
  /** `%B` */
  readonly theirs: string
  /** `%P`: which file it is, from the top of the work tree. */
  readonly path: string
}

/**
 * Merges one file of a vault for git. A manifest is merged by what it means. A record is signed as a
 * whole, so nothing can be made of two without an owner's key: ours stays as it is, readable, and
 * git is told that the file is in conflict, for `resolve` to settle.
 */
export async function mergeFile(
  { base, ours, theirs, path }: DriverFiles,
  folder: string,
  env: Environment,
): Promise<"merged" | "conflict"> {
  if (vaultPath(path)?.path !== MANIFEST) return "conflict"
  const git = await repositoryAround(folder, env)
  const versions = { base: read(base), ours: read(ours), theirs: read(theirs) }
  replaceFile(ours, await mergeManifests(git, vaultNamedIn(versions.ours), versions))
  return "merged"
}

function read(file: string): Uint8Array {
  return readRegularFile(file, LIMITS.manifest) ?? new Uint8Array()
}
