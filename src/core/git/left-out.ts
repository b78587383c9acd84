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
  /** From there, as Git names it. */
  readonly folder: string
}

/** The vault of `folder` that a sparse checkout leaves out: the nearest one, upwards. */
export async function vaultLeftOut(folder: string, env: Environment): Promise<LeftOut | undefined> {
  try {
    const checkout = findCheckout(folder)
    if (checkout === undefined) return undefined
    const { top } = checkout
    const git = await openGit(checkout, env)
    // Whoever marks files by hand knows why they are not there. It throws where this is not set.
    const isSparse = await git.run(["config", "--type=bool", "--get", "core.sparseCheckout"])
    if (isSparse.toString("utf8").trim() !== "true") return undefined
    const above = [...upwards(realPath(folder))].filter((each) => each.startsWith(top))
    const vaults = above.map((each) => gitPath(checkout, join(each, VAULT_FOLDER)))
    const records = vaults.map((vault) => `${vault}/${VAULT_RECORD}`)
    const listed = await git.run(["ls-files", "-t", "-z", "--", ...records])
    const left = new Set(listed.toString("utf8").split("\0"))
    const nearest = vaults.find((vault) => left.has(`S ${vault}/${VAULT_RECORD}`))
    return nearest === undefined ? undefined : { top, folder: nearest }
  } catch (error) {
    // Nothing can be told, then, of why there is no vault.
    if (VaultError.is(error)) return undefined
    throw error
  }
}
