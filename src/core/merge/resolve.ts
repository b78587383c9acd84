import type { ExposedSecret } from "../change/rekey.js"
import type { Progress } from "../words/progress.js"
import { clearWay } from "../commit/leftovers.js"
import { withLock } from "../commit/lock.js"
import type { Environment } from "../disk/homes.js"
import { type Place, gitPath } from "../disk/place.js"
import { type Git, openGit } from "../git/git.js"
import { commitOf } from "../git/git-objects.js"
import type { Identity } from "../keys/identity.js"
import type { CommitRange } from "../undone/blobs.js"
import { acceptingUndone } from "../vault/open.js"
import { VaultError } from "../words/errors.js"
import type { OnNote } from "../words/note.js"
import type { MaybeUnfinished } from "../words/unfinished.js"
import { classify } from "../words/layout.js"
import { unitOf } from "../words/unit.js"
import { type InProgress, requireCheckout, whatIsInProgress } from "./clone-state.js"
import { type DroppedGrant, droppedGrants } from "./dropped-grants.js"
import { withGivenKeys } from "./given-keys.js"
import { keylessDraft } from "./keyless.js"
import { mendedFiles } from "./mend.js"
import {
  type Choices,
  type ChosenKey,
  NO_CHOICES,
  type VaultConflict,
  type VaultMerge,
  chosenKeys,
  beliefsAt,
  conflictsOf,
  mergeVault,
} from "./merge-vault.js"
import { mergedCommits } from "./merged-commits.js"
import { rememberResolved } from "./remember-resolved.js"
import { withRemovals } from "./removed-further.js"
import { withoutReplays } from "./replayed.js"
import { refuseBrokenTip } from "./own-tip.js"
import { type SettledMerge, settle } from "./settle-contested.js"
import { sidesInIndex } from "./sides.js"
import { stageSettled, verifySettled } from "./stage-settled.js"
import { nameOf } from "./units.js"

/** Whose clone a merge is in, and whose owner's key signs what it settles. */
export interface MergeRequest {
  readonly place: Place
  readonly env: Environment
  readonly now: Date
  /** Whom the key file trusts, if there is one. */
  readonly keyFileTrust: string | undefined
  /** Asked for the owner's key, only when a record has to be signed. */
  readonly owner: () => Promise<Identity>
  readonly dryRun: boolean
  readonly onProgress?: Progress | undefined
  /** Told what was undone here and never published, so that nothing holds it against this clone. */
  readonly onNote?: OnNote | undefined
}

interface ResolveRequest extends MergeRequest {
  readonly choices: Choices
}

/** What `resolve` settled, or in a dry run would settle, and what is left. */
export interface Resolved extends MaybeUnfinished {
  readonly during: InProgress
  /** What is settled and staged, by name. */
  readonly settled: readonly string[]
  /** What a person has to choose. */
  readonly conflicts: readonly VaultConflict[]
  /** Paths in conflict that are not the vault's, from the top. */
  readonly others: readonly string[]
  readonly exposed: readonly ExposedSecret[]
  /** What an owner granted on one side, and the merge took out for what the other side did. */
  readonly dropped: readonly DroppedGrant[]
  /** The keys that agents go on with, where both sides gave them one. */
  readonly keys: readonly ChosenKey[]
  /** The files that were written and staged, from the vault's folder. */
  readonly files: readonly string[]
}

/**
 * Settles what a merge, a rebase or the like left in conflict in the vault, and stages it; to commit
 * is left to the user, as git has it. What needs a choice and has none stays in conflict, with our
 * side whole in the work tree, so that it can be read. Throws `USAGE` for a choice where there is no
 * conflict, `NOT_OWNER`, `VAULT_DIRTY`, and the codes of exit 5 for a side that no reader would
 * accept; then nothing is changed.
 */
export function resolve(request: ResolveRequest): Promise<Resolved> {
  const { place, env, onNote } = request
  return acceptingUndone(place, env, onNote, async () => ({ result: await resolveOnce(request) }))
}

async function resolveOnce(request: ResolveRequest): Promise<Resolved> {
  const checkout = requireCheckout(request.place)
  if (request.dryRun) return resolveIndex(await openGit(checkout, request.env), request)
  const work = async (): Promise<Resolved> => {
    const git = await openGit(checkout, request.env)
    await clearWay(git)
    return resolveIndex(git, request)
  }
  return withLock(checkout.gitFolder, work)
}

async function resolveIndex(git: Git, request: ResolveRequest): Promise<Resolved> {
  const { place, choices, env, dryRun, keyFileTrust } = request
  const folder = gitPath(git.checkout, place.root)
  const during = whatIsInProgress(git.checkout)
  const sides = await sidesInIndex(git, folder)
  const mended = await mendedFiles(git, folder, sides.theirs)
  if (sides.unmerged.length + mended.size === 0) {
    refuseUnknown(choices, [])
    const { others } = sides
    if (during === "nothing") await refuseBrokenHead(git, place)
    return {
      during,
      settled: [],
      conflicts: [],
      others,
      exposed: [],
      dropped: [],
      keys: [],
      files: [],
    }
  }
  const beliefs = beliefsAt(place, keyFileTrust, env)
  const opened = await mergeVault(git, sides, beliefs, wayBackFrom(during))
  const known = await withoutOld(git, folder, opened, during)
  const removed = await withRemovals(git, folder, known, await bothSides(git))
  const merge = { ...(await withGivenKeys(git, folder, removed)), mended }
  refuseUnknown(choices, conflictsOf(merge, NO_CHOICES))
  const conflicts = conflictsOf(merge, choices)
  const { draft, exposed } = await settleWith(git, request, merge, during)
  const isOpen = (unit: string): boolean => conflicts.some(({ name }) => name === nameOf(unit))
  const isLeft = (unit: string): boolean =>
    classify(unit).is === "stray" || [unit, ...(sides.renamed.get(unit) ?? [])].some(isOpen)
  const settled = { git, folder, merge, draft, isLeft }
  await verifySettled(settled, request)
  if (!dryRun) await rememberResolved(settled, env)
  const files = await stageSettled(settled, sides, dryRun)
  const units = [...new Set([...sides.unmerged, ...mended.keys()].map(unitOf))]
  const foreign = units.filter((unit) => classify(unit).is === "stray")
  return {
    during,
    settled: units.filter((unit) => !isLeft(unit)).map(nameOf),
    conflicts,
    others: [...sides.others, ...foreign.map((path) => `${folder}/${path}`)],
    exposed,
    dropped: droppedGrants(merge, draft, request.now),
    keys: chosenKeys(merge, choices),
    files,
  }
}

/** How a person takes back what git is in the middle of. */
function wayBackFrom(during: InProgress): string {
  return during === "squash" || during === "nothing" ? "git reset --merge" : `git ${during} --abort`
}

/** Markers that somebody committed are in no conflict any more, as Git sees it. */
async function refuseBrokenHead(git: Git, place: Place): Promise<void> {
  const { branch } = git.checkout
  const head = branch === undefined ? undefined : await commitOf(git, branch)
  if (head !== undefined) await refuseBrokenTip(git, place, head)
}

/** The history of both sides since they parted; where nobody can tell, all of ours. */
async function bothSides(git: Git): Promise<CommitRange> {
  const commits = await mergedCommits(git)
  if (commits?.base === undefined) return { tips: ["HEAD"] }
  return { tips: [commits.ours, commits.theirs], since: commits.base }
}

/** A revert, a rebase or a stash may bring back on purpose what was here before; a merge does not. */
async function withoutOld(
  git: Git,
  folder: string,
  merge: VaultMerge,
  during: InProgress,
): Promise<VaultMerge> {
  if (during !== "merge" && during !== "squash") return merge
  return withoutReplays(git, folder, merge, { tips: ["HEAD"] })
}

async function settleWith(
  git: Git,
  { place, env, now, owner, choices, onProgress }: ResolveRequest,
  merge: VaultMerge,
  during: InProgress,
): Promise<SettledMerge> {
  const keyless = await keylessDraft(git, merge)
  if (keyless !== undefined) return { draft: keyless, exposed: [] }
  const session = { env, now, onProgress, identity: await owner() }
  try {
    return await settle(git, place, session, merge, choices)
  } catch (error) {
    throw during === "rebase" && VaultError.is(error, "ROLLED_BACK") ? mergeInstead(error) : error
  }
}

/**
 * A rebase takes up the commits of a branch one by one. Before the last of them a group is at an earlier
 * key than this user has seen of it, to which nothing is sealed. A merge has both sides at once.
 */
function mergeInstead(cause: VaultError): VaultError {
  return new VaultError("ROLLED_BACK", cause.message, {
    hint: "a rebase does not come to that key; a merge does: git rebase --abort; then agent-vault sync, or git merge and agent-vault resolve",
    cause,
  })
}

function refuseUnknown({ named }: Choices, conflicts: readonly VaultConflict[]): void {
  const names = conflicts.map(({ name }) => name)
  const unknown = [...named.keys()].find((name) => !names.includes(name))
  if (unknown === undefined) return
  throw new VaultError("USAGE", `there is nothing to choose for ${unknown}`, {
    hint: names.length === 0 ? "see: agent-vault resolve" : `there is for ${names.join(", ")}`,
  })
}
