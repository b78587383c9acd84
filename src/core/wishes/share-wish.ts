import type { Git } from "../git/git.js"
import { commitOf } from "../git/git-objects.js"
import { followed, pushCommit } from "../sync/remote.js"
import { VaultError } from "../words/errors.js"
import type { WishPlace } from "./wish-branch.js"

/** Whether others can see the branch of a wish. */
export interface Shared {
  /** The remote that the branch is pushed to, or would be; absent if this clone has none. */
  readonly remote?: string
  readonly pushed: boolean
  /** Why it was not pushed although that was asked for. */
  readonly why?: string
}

/**
 * Pushes the branch of a wish if that was asked for, never by force. A push that fails leaves the
 * branch here, and says why.
 */
export async function shareWish(
  git: Git,
  { branch, commit }: Extract<WishPlace, { branch: string }>,
  push: boolean,
): Promise<Shared> {
  const remote = await remoteOf(git)
  if (remote === undefined) {
    return { pushed: false, ...(push ? { why: "this clone has no remote" } : {}) }
  }
  const ref = `refs/heads/${branch}`
  const tracked = `refs/remotes/${remote}/${branch}`
  const isThere = (await commitOf(git, tracked)) === commit
  if (isThere || !push) return { remote, pushed: isThere }
  try {
    const there = { remote, ref, tracked, name: `${remote}/${branch}` }
    if ((await pushCommit(git, there, commit)) === "pushed") return { remote, pushed: true }
    const why = `${remote} has another ${branch}, from another clone`
    return { remote, pushed: false, why }
  } catch (error) {
    if (!VaultError.is(error, "GIT_FAILED")) throw error
    return { remote, pushed: false, why: error.message }
  }
}

/** The remote that the branch that is checked out follows, else the usual one, else the first. */
async function remoteOf(git: Git): Promise<string | undefined> {
  const { branch } = git.checkout
  try {
    if (branch !== undefined) return (await followed(git, branch)).remote
  } catch (error) {
    if (!VaultError.is(error, "REPOSITORY_STATE")) throw error
  }
  const remotes = (await git.run(["remote"])).toString("utf8").split("\n").filter(Boolean)
  return remotes.includes("origin") ? "origin" : remotes[0]
}
