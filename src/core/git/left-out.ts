import { join } from "node:path"
import { VaultError } from "../words/errors.js"
import type { Environment } from "../disk/homes.js"
import { findCheckout, gitPath, upwards } from "../disk/place.js"
import { VAULT_FOLDER, VAULT_RECORD } from "../words/layout.js"
import { realPath } from "../disk/at-path.js"
import { openGit } from "./git.js"

/** A folder that Git has, and does not check out. */
interface LeftOut {
  /** The top of its work tree. */
  readonly top: string
  /** From there, what `git sparse-checkout add` takes: a folder, or a pattern that none before it undoes. */
  readonly toAdd: string
}

/** The vault of `folder` that a sparse checkout leaves out: the nearest one, upwards. */
export async function vaultLeftOut(folder: string, env: Environment): Promise<LeftOut | undefined> {
  try {
    const checkout = findCheckout(folder)
    if (checkout === undefined) return undefined
    const { top } = checkout
    const git = await openGit(checkout, env)
    // Whoever marks files by hand knows why they are not there. It throws where this is not set.
    const said = await git.run(["config", "--type=bool", "--get-regexp", "^core\\.sparsecheckout"])
    const sparse = said.toString("utf8").split("\n")
    if (!sparse.includes("core.sparsecheckout true")) return undefined
    const above = [...upwards(realPath(folder))].filter((each) => each.startsWith(top))
    const vaults = above.map((each) => gitPath(checkout, join(each, VAULT_FOLDER)))
    const records = vaults.map((vault) => `${vault}/${VAULT_RECORD}`)
    const listed = await git.run(["ls-files", "-t", "-z", "--", ...records])
    const left = new Set(listed.toString("utf8").split("\0"))
    const nearest = vaults.find((vault) => left.has(`S ${vault}/${VAULT_RECORD}`))
    if (nearest === undefined) return undefined
    const byPatterns = sparse.includes("core.sparsecheckoutcone false")
    return { top, toAdd: byPatterns ? `${nearest}/**` : nearest }
  } catch (error) {
    // Nothing can be told, then, of why there is no vault.
    if (VaultError.is(error)) return undefined
    throw error
  }
}
