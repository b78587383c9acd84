import { dirname } from "node:path"
import { changeableBranch } from "../commit/transaction.js"
import { clearWay } from "../commit/leftovers.js"
import { withLock } from "../commit/lock.js"
import type { ExposedSecret } from "../change/rekey.js"
import { findVault } from "../disk/place.js"
import { type Git, openGit } from "../git/git.js"
import { lockingFiles } from "../git/git-locks.js"
import { contains } from "../git/git-merge.js"
import { commitOf } from "../git/git-objects.js"
import { type Memory, memoryOf } from "../memory/memory.js"
import { acceptingUndone, claimedId } from "../vault/open.js"
import { VaultError } from "../words/errors.js"
import { type MaybeUnfinished, withUnfinished } from "../words/unfinished.js"
import { moveForward } from "./forward.js"
import { requireCheckout } from "../merge/clone-state.js"
import type { DroppedGrant } from "../merge/dropped-grants.js"
import type { MergeRequest } from "../merge/resolve.js"
import { mergeIncoming, verifyIncoming } from "./merge-incoming.js"
import { refuseBrokenTip } from "../merge/own-tip.js"
import { refuseRewritten } from "./rewritten.js"
import { type RemoteBranch, fetchAside, followed, pushCommit } from "./remote.js"

export interface SyncRequest extends MergeRequest {
  /** Default: the remote that the branch follows. */
  readonly remote?: string | undefined
  readonly push: boolean
}

/** What `sync` did, or in a dry run would do. */
export interface Synced extends MaybeUnfinished {
  /** `origin/main` */
  readonly with: string
  /** How the branch moved: not, forward to what is there, or by a merge. */
  readonly brought: "nothing" | "forward" | "merge"
  /** Where the branch is now. */
  readonly commit: string
  readonly pushed: boolean
  /** Whether this branch has what the remote has not. */
  readonly isAhead: boolean
  /** What both sides changed, by name, and an owner's key settled. */
  readonly settled: readonly string[]
  readonly exposed: readonly ExposedSecret[]
  /** What an owner granted on one side, and the merge took out for what the other side did. */
  readonly dropped: readonly DroppedGrant[]
  /** Both sides changed the vault and no owner was at hand: `apply` may have something to do. */
  readonly isForOwners: boolean
}

/** How often another push may win. */
const RETRIES = 10

/**
 * Fetches, verifies what came, merges it and pushes; again, if another push came first. What came is
 * used, and the clone's memory of the remote moves, only when it is verified. Throws
 * `REPOSITORY_STATE`, `CONFLICT` for what a person has to choose, `GIT_FAILED` for the network and
 * for a push that was refused, `NO_VAULT` if the vault is gone there, and the codes of exit 4 and 5;
 * then nothing has moved.
 */
export function sync(request: SyncRequest): Promise<Synced> {
  const { place, env, onNote } = request
  return acceptingUndone(place, env, onNote, async () => ({ result: await syncOnce(request) }))
}

async function syncOnce(request: SyncRequest): Promise<Synced> {
  const checkout = requireCheckout(request.place)
  let git = await openGit(checkout, request.env)
  const branch = changeableBranch(checkout)
  const remote = await followed(git, branch, request.remote)
  // Before the network is asked: what a killed git left may be in the way of the fetch, too.
  if (!request.dryRun) await withLock(checkout.gitFolder, () => completeEarlier(git))
  let before: Synced | undefined
  for (let left = RETRIES; ; left--) {
    const brought = await bring(git, request, remote)
    const synced = before === undefined ? brought : together(before, brought)
    // What came may be settings, in a file of the work tree that those of the clone include.
    if (brought.brought !== "nothing") git = await openGit(checkout, request.env)
    if (!request.push || request.dryRun || !synced.isAhead) return synced
    await refuseBrokenTip(git, request.place, synced.commit, memoryHere(request))
    if ((await push(git, remote, synced)) === "pushed") {
      return { ...synced, pushed: true, isAhead: false }
    }
    if (left === 0) throw outrun(remote)
    before = synced
  }
}

function memoryHere({ place, env }: SyncRequest): Memory {
  return memoryOf(claimedId(place), place, env)
}

/** Pushes; where that fails, it is told what stands all the same. */
async function push(
  git: Git,
  remote: RemoteBranch,
  { brought, commit }: Synced,
): Promise<"pushed" | "outrun"> {
  try {
    return await pushCommit(git, remote, commit)
  } catch (error) {
    if (brought === "nothing" || !VaultError.is(error)) throw error
    // What else goes wrong would say that the command is to be repeated, as if nothing were done.
    const next = error.code === "GIT_FAILED" ? error.hint : undefined
    throw new VaultError(error.code, error.message, {
      hint: `what came is merged and committed here; ${next ?? "solve that, then push it: agent-vault sync"}`,
      cause: error.cause,
    })
  }
}

/** Completes what an interrupted command left. */
async function completeEarlier(git: Git): Promise<MaybeUnfinished> {
  await clearWay(git)
  return {}
}

/** Brings in what the remote has now. */
async function bring(git: Git, request: SyncRequest, remote: RemoteBranch): Promise<Synced> {
  const incoming = await fetchAside(git, remote)
  if (request.dryRun) return bringCommit(git, request, remote, incoming)
  const work = async (): Promise<Synced> => {
    // By the settings as they are now: another command may have brought some while we waited.
    const now = await openGit(git.checkout, request.env)
    await completeEarlier(now)
    return bringCommit(now, request, remote, incoming)
  }
  return withLock(git.checkout.gitFolder, work)
}

async function bringCommit(
  git: Git,
  request: SyncRequest,
  remote: RemoteBranch,
  incoming: string | undefined,
): Promise<Synced> {
  // Looked at again under the lock: the branch may have changed while we waited.
  const place = findVault(dirname(request.place.root))
  const branch = changeableBranch(requireCheckout(place))
  const from = await commitOf(git, branch)
  if (from === undefined) throw nothingCommitted(branch)
  const unmoved = { ...NOTHING_BROUGHT, with: remote.name, commit: from }
  if (incoming === undefined) return { ...unmoved, isAhead: true }
  await refuseRewritten(git, place, remote, { from, incoming })
  const accept = (): Promise<void> => acceptRemote(git, request, remote, incoming)
  if (await contains(git, from, incoming)) {
    await accept()
    return { ...unmoved, isAhead: incoming !== from }
  }
  const sides = { place, remote, from, incoming }
  const move = async (synced: Synced): Promise<Synced> => {
    if (request.dryRun) return synced
    const to = synced.commit
    const { unfinished = [] } = await moveForward(git, place, { branch, from, to })
    return withUnfinished(synced, ...unfinished)
  }
  if (await contains(git, incoming, from)) {
    await verifyIncoming(git, request, sides)
    await accept()
    return move({ ...unmoved, brought: "forward", commit: incoming })
  }
  const merged = await mergeIncoming(git, request, sides, accept)
  return move({ ...unmoved, brought: "merge", ...merged, isAhead: true })
}

const NOTHING_BROUGHT = {
  brought: "nothing",
  pushed: false,
  isAhead: false,
  settled: [],
  exposed: [],
  dropped: [],
  isForOwners: false,
} as const

/** What was verified is from now on what the clone knows of the remote, as after `git fetch`. */
async function acceptRemote(
  git: Git,
  { dryRun }: SyncRequest,
  { tracked, name }: RemoteBranch,
  commit: string,
): Promise<void> {
  if (dryRun || (await commitOf(git, tracked)) === commit) return
  const update = ["update-ref", "-m", `agent-vault: sync with ${name}`, tracked, commit]
  await lockingFiles(git, [tracked], () => git.run(update))
}

/** Two rounds, since another push came between. */
function together(before: Synced, after: Synced): Synced {
  const synced = {
    ...after,
    brought: after.brought === "nothing" ? before.brought : after.brought,
    settled: [...new Set([...before.settled, ...after.settled])],
    exposed: [...before.exposed, ...after.exposed],
    dropped: [...before.dropped, ...after.dropped],
    isForOwners: before.isForOwners || after.isForOwners,
  }
  return withUnfinished(synced, ...(before.unfinished ?? []))
}

function nothingCommitted(branch: string): VaultError {
  return new VaultError("REPOSITORY_STATE", `${branch} has no commit yet`, {
    hint: "git pull brings what the remote has",
  })
}

function outrun({ name }: RemoteBranch): VaultError {
  return new VaultError("CONFLICT", `other pushes to ${name} came first, ${RETRIES} times`, {
    hint: "what came is merged here, and not pushed yet: repeat agent-vault sync",
  })
}
