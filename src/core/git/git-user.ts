import type { Environment } from "../disk/homes.js"
import { findCheckout } from "../disk/place.js"
import { openGit } from "./git.js"
import { settings } from "./git-config.js"

/**
 * What Git calls its user in the work tree around `folder`; undefined where nothing says so, and
 * where there is no work tree. Throws `NO_GIT`, `REPOSITORY_STATE`, `GIT_FAILED`.
 */
export async function gitUserName(folder: string, env: Environment): Promise<string | undefined> {
  const checkout = findCheckout(folder)
  if (checkout === undefined) return undefined
  const all = await settings(await openGit(checkout, env))
  return all.findLast(({ key }) => key === "user.name")?.value
}
