import { VaultError } from "../words/errors.js"
import type { Environment } from "../disk/homes.js"
import { findCheckout } from "../disk/place.js"
import { type Git, openGit } from "../git/git.js"
import { lockingFiles } from "../git/git-locks.js"
import { settings } from "../git/git-config.js"

/** What a vault's .gitattributes call the merge driver. */
const DRIVER = "agent-vault"

const NAME = `merge.${DRIVER}.name`
const COMMAND = `merge.${DRIVER}.driver`

/** What was done to a clone's configuration. */
export type SetUp = "made" | "changed" | "there" | "removed" | "absent"

/**
 * Registers the merge driver in the configuration of the clone around `folder`. `program` is what
 * starts it, for a shell: git puts the names of files where `%O %A %B %P` stand.
 * Throws `NO_REPOSITORY`, `GIT_FAILED`.
 */
export async function setUpDriver(
  folder: string,
  env: Environment,
  program: string,
): Promise<SetUp> {
  const git = await repositoryAround(folder, env)
  const command = `${program.replaceAll("%", "%%")} %O %A %B %P`
  const before = await registered(git)
  if (before === command) return "there"
  await lockingFiles(git, ["config"], async () => {
    await git.run(["config", "--local", "--replace-all", NAME, "records of agent-vault"])
    await git.run(["config", "--local", "--replace-all", COMMAND, command])
  })
  return before === undefined ? "made" : "changed"
}

/** Takes the merge driver out of the clone's configuration. */
export async function removeDriver(folder: string, env: Environment): Promise<SetUp> {
  const git = await repositoryAround(folder, env)
  if ((await registered(git)) === undefined) return "absent"
  const remove = ["config", "--local", "--remove-section", `merge.${DRIVER}`]
  await lockingFiles(git, ["config"], () => git.run(remove))
  return "removed"
}

/** The command that the clone around a folder starts for merges of records, if there is one. */
export async function driverOf(folder: string, env: Environment): Promise<string | undefined> {
  return registered(await repositoryAround(folder, env))
}

async function registered(git: Git): Promise<string | undefined> {
  const all = await settings(git)
  return all.findLast(({ key, isOwn }) => key === COMMAND && !isOwn)?.value
}

/** The repository that Git would find from a folder. Throws `NO_REPOSITORY`. */
export function repositoryAround(folder: string, env: Environment): Promise<Git> {
  const checkout = findCheckout(folder)
  if (checkout !== undefined) return openGit(checkout, env)
  throw new VaultError("NO_REPOSITORY", `${folder} is in no Git repository`, {
    hint: "run it in a clone: git clone URL",
  })
}
