import { VaultError } from "../words/errors.js"
import { type MaybeUnfinished, withUnfinished } from "../words/unfinished.js"
import { type Git, openGit } from "../git/git.js"
import { commitOf } from "../git/git-objects.js"
import { checkAgainst, vaultAt } from "../check/history.js"
import { type Past, findUndoneRevokes } from "../check/past-revokes.js"
import type { Environment } from "../disk/homes.js"
import { clearWay } from "../commit/leftovers.js"
import { withLock } from "../commit/lock.js"
import { withVault } from "../vault/open.js"
import { type Place, findVault, gitPath } from "../disk/place.js"
import { changeableBranch } from "../commit/transaction.js"
import { findAnchor } from "../memory/trust.js"
import { allRecords } from "../vault/vault.js"
import { requireCheckout } from "../merge/clone-state.js"
import { moveForward } from "./forward.js"
import { fetchBranch, followed } from "./remote.js"

/** The commits between which the branch was moved. */
export interface Pulled {
  readonly from: string
  readonly to: string
}

/**
 * Fetches the upstream of the branch that is checked out, and moves the branch forward to it if
 * the vault there is the continuation of this one, signed by its owners. Undefined when there is
 * nothing new. Throws `REPOSITORY_STATE` where there is no upstream, `CONFLICT` if this clone has
 * commits of its own, `GIT_FAILED` (no network, say), and the codes of exit 4 and 5 for a vault
 * that no reader would accept; then nothing has moved.
 */
export async function pull(
  place: Place,
  keyFileTrust: string | undefined,
  env: Environment,
): Promise<Pulled | undefined> {
  const checkout = requireCheckout(place)
  const branch = changeableBranch(checkout)
  const outside = await openGit(checkout, env)
  const upstream = await followed(outside, branch)
  await fetchBranch(outside, upstream)
  // Readers go on with what is there; the next command completes what is unfinished.
  const { pulled } = await withLock<Moved>(checkout.gitFolder, async () => {
    const git = await openGit(checkout, env)
    await clearWay(git)
    const [from, to] = await Promise.all([commitOf(git, branch), commitOf(git, upstream.tracked)])
    if (from === undefined || to === undefined || from === to) return { pulled: undefined }
    if (!(await isAhead(git, from, to))) return { pulled: undefined }
    await verify(git, findVault(place.root), { from, to }, keyFileTrust, env)
    const { unfinished = [] } = await moveForward(git, place, { branch, from, to })
    return withUnfinished<Moved>({ pulled: { from, to } }, ...unfinished)
  })
  return pulled
}

interface Moved extends MaybeUnfinished {
  readonly pulled: Pulled | undefined
}

/** Whether `to` contains `from`; false if it is the other way round. */
async function isAhead(git: Git, from: string, to: string): Promise<boolean> {
  const range = ["rev-list", "--left-right", "--count", `${from}...${to}`]
  const [ours = "0", theirs = "0"] = (await git.run(range)).toString("utf8").trim().split("\t")
  if (theirs === "0") return false
  if (ours === "0") return true
  throw new VaultError("CONFLICT", `this clone has ${ours} commits that the remote has not`, {
    hint: "agent-vault sync",
  })
}

/** What a reader would refuse, or what falls behind what is here, is not brought in. */
async function verify(
  git: Git,
  place: Place,
  past: Required<Past>,
  keyFileTrust: string | undefined,
  env: Environment,
): Promise<void> {
  await withVault(place, keyFileTrust, env, async (here) => {
    const anchor = findAnchor(here.id, keyFileTrust, env)
    const folder = gitPath(git.checkout, place.root)
    const there = await vaultAt(git, past.to, folder, anchor)
    allRecords(there)
    const { findings } = checkAgainst(here, there)
    const undone = await findUndoneRevokes(git, folder, past, there)
    const refused = [...findings, ...undone].find(({ severity }) => severity === "refused")
    if (refused !== undefined) {
      throw new VaultError("ROLLED_BACK", `the remote's ${refused.subject} ${refused.message}`, {
        hint: "look at it before anything else: git log @{upstream} -- .agent-vault",
      })
    }
  })
}
