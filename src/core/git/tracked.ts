import { basename, dirname, join } from "node:path"
import { VaultError } from "../words/errors.js"
import { openGit } from "./git.js"
import { realPath } from "../disk/at-path.js"
import type { Environment } from "../disk/homes.js"
import { findCheckout, gitPath } from "../disk/place.js"

/** Whether Git has a file: then what once stood in it may be in the history. */
export async function isTracked(file: string, env: Environment): Promise<boolean> {
  try {
    const folder = realPath(dirname(file))
    const checkout = findCheckout(folder)
    if (checkout === undefined) return false
    const git = await openGit(checkout, env)
    const path = gitPath(checkout, join(folder, basename(file)))
    return (await git.run(["ls-files", "-z", "--", path])).length > 0
  } catch (error) {
    // A repository that Git does not open keeps nothing that we could tell of.
    if (VaultError.is(error)) return false
    throw error
  }
}
