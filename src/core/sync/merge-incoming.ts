import type { CheckFinding } from "../check/check-finding.js"
import { findUndoneRevokes } from "../check/past-revokes.js"
import type { VaultFiles } from "../disk/files.js"
import { type Place, gitPath } from "../disk/place.js"
import type { Git } from "../git/git.js"
import { LEFT_UNSIGNED, authorship, writeCommit } from "../git/git-commit.js"
import { isShallowClone } from "../git/git-objects.js"
import { mergeBase, mergeTrees } from "../git/git-merge.js"
import type { BlobId } from "../git/git.js"
import { memoryOf } from "../memory/memory.js"
import { rememberMade } from "../undone/made-here.js"
import { seeTracked } from "../undone/remote-branches.js"
import { acceptUndoneOr } from "../vault/accept-undone.js"
import { VaultError } from "../words/errors.js"
import { VAULT_RECORD, classify } from "../words/layout.js"
import { shellWord } from "../words/shell-word.js"
import type { Draft } from "../change/draft.js"
import { droppedGrants } from "../merge/dropped-grants.js"
import { keylessDraft } from "../merge/keyless.js"
import {
  NO_CHOICES,
  type VaultConflict,
  type VaultMerge,
  beliefsAt,
  conflictsOf,
  mergeVault,
} from "../merge/merge-vault.js"
import type { RemoteBranch } from "./remote.js"
import { withRemovals } from "../merge/removed-further.js"
import { withoutReplays } from "../merge/replayed.js"
import { settle } from "../merge/settle-contested.js"
import { treeOf } from "../merge/snapshot.js"
import type { SyncRequest, Synced } from "./sync.js"
import { type Sides, changedUnits, nameOf } from "../merge/units.js"
import { verifyForReaders, verifyTheirs } from "../merge/verify.js"

/** A branch and what the remote has instead. */
interface Incoming {
  readonly place: Place
  readonly remote: RemoteBranch
  readonly from: string
  readonly incoming: string
}

/** A merge commit that no branch has yet. */
type MergedIncoming = Pick<Synced, "commit" | "settled" | "exposed" | "dropped" | "isForOwners">

/** Verifies what the remote has more than this branch. Throws the codes of exit 4 and 5. */
export async function verifyIncoming(
  git: Git,
  request: SyncRequest,
  sides: Incoming,
): Promise<void> {
  const { place, remote, from, incoming } = sides
  const merge = await openSides(git, request, sides, { base: from, ours: from, theirs: incoming })
  await verifyTheirs(merge, remote, await undoneRevokes(git, sides, from, merge), request.now)
  await verifyForClone(merge.snapshot(merge.sides.theirs), merge.ours.id, request, place)
}

/**
 * Verifies what is to lie here as the readers of this clone will. What was seen of a record that was
 * made and undone here, and that nobody else had, holds nothing against another one of its name.
 */
async function verifyForClone(
  files: VaultFiles,
  vault: string,
  { env, onNote }: SyncRequest,
  place: Place,
): Promise<void> {
  const verify = (): void => verifyForReaders(files, memoryOf(vault, place, env))
  try {
    verify()
  } catch (error) {
    await acceptUndoneOr(error, place, env, onNote, files)
    verify()
  }
}

/**
 * Makes one commit of a branch and what the remote has, in the object store. `accept` is called when
 * that is verified. Throws `CONFLICT` for what a person has to settle.
 */
export async function mergeIncoming(
  git: Git,
  request: SyncRequest,
  incoming: Incoming,
  accept: () => Promise<void>,
): Promise<MergedIncoming> {
  const { place, remote, from } = incoming
  const base = await mergeBase(git, from, incoming.incoming)
  if (await isBesideVault(git, incoming, base)) {
    return mergeBeside(git, request, incoming, base, accept)
  }
  const opened = await openSides(git, request, incoming, {
    base,
    ours: from,
    theirs: incoming.incoming,
  })
  const undone = await undoneRevokes(git, incoming, base, opened)
  await verifyTheirs(opened, remote, undone, request.now)
  await accept()
  if (base === undefined) throw await unrelated(git, remote)
  const folder = gitPath(git.checkout, place.root)
  const known = await withoutReplays(git, folder, opened, { tips: [from], since: base })
  const tips = [from, incoming.incoming]
  const merge = await withRemovals(git, folder, known, { tips, since: base })
  const { tree, conflicts } = await mergeTrees(git, from, incoming.incoming)
  const others = conflicts.filter((path) => !path.startsWith(`${folder}/`))
  refuseConflicts(remote, others, strays(merge), conflictsOf(merge, NO_CHOICES))
  const settled = await settleIfOwner(git, request, place, merge)
  await verifyForClone(settled.draft, merge.ours.id, request, place)
  const files = await changesTo(git, tree, folder, merge, settled.draft)
  const before = await seeTracked(git)
  const commit = await commitMerge(git, request, incoming, tree, files)
  if (!request.dryRun) rememberMade(merge.ours.id, git.checkout, commit, before, request.env)
  const { draft, ...what } = settled
  const dropped = droppedGrants(merge, draft, request.now)
  return { ...what, settled: what.settled.map(nameOf), dropped, commit }
}

/** The revokes in what the remote has more than `from` that its own vault undoes. */
function undoneRevokes(
  git: Git,
  { place, incoming }: Incoming,
  from: string | undefined,
  { theirs }: VaultMerge,
): Promise<readonly CheckFinding[]> {
  const folder = gitPath(git.checkout, place.root)
  return findUndoneRevokes(git, folder, { from, to: incoming }, theirs)
}

/** Whether the remote never had the vault: it was made here, and others pushed something else. */
async function isBesideVault(
  git: Git,
  { place, incoming }: Incoming,
  base: string | undefined,
): Promise<boolean> {
  const folder = gitPath(git.checkout, place.root)
  if ((await treeOf(git, incoming, folder)).size > 0) return false
  return base === undefined || !(await treeOf(git, base, folder)).has(VAULT_RECORD)
}

/** Merges a remote that never had the vault: nothing there is to be verified, and it stays as it is. */
async function mergeBeside(
  git: Git,
  request: SyncRequest,
  incoming: Incoming,
  base: string | undefined,
  accept: () => Promise<void>,
): Promise<MergedIncoming> {
  const { remote, from } = incoming
  await accept()
  if (base === undefined) throw await unrelated(git, remote)
  const { tree, conflicts } = await mergeTrees(git, from, incoming.incoming)
  refuseConflicts(remote, conflicts, [], [])
  const commit = await commitMerge(git, request, incoming, tree, new Map())
  return { commit, settled: [], exposed: [], dropped: [], isForOwners: false }
}

async function commitMerge(
  git: Git,
  request: SyncRequest,
  { remote, from, incoming }: Incoming,
  tree: string,
  files: ReadonlyMap<string, Uint8Array | BlobId | undefined>,
): Promise<string> {
  const by = await authorship(git)
  const commit = await writeCommit(git, by, {
    parent: from,
    merged: { parent: incoming, tree },
    files,
    message: `agent-vault: merge ${remote.name}`,
  })
  if (by.isLeftUnsigned) request.onNote?.(LEFT_UNSIGNED)
  return commit
}

async function openSides(
  git: Git,
  { keyFileTrust, env }: SyncRequest,
  { place, remote }: Incoming,
  commits: { readonly base: string | undefined; readonly ours: string; readonly theirs: string },
): Promise<VaultMerge> {
  const folder = gitPath(git.checkout, place.root)
  const treeAt = (commit: string | undefined): Promise<Sides["base"]> =>
    commit === undefined ? Promise.resolve(new Map()) : treeOf(git, commit, folder)
  const [base, ours, theirs] = await Promise.all([
    treeAt(commits.base),
    treeAt(commits.ours),
    treeAt(commits.theirs),
  ])
  if (!theirs.has(VAULT_RECORD)) throw withoutVault(remote)
  const sides = { base, ours, theirs }
  const wayBack = `nothing was merged. To drop what is here: git fetch ${shellWord(remote.remote)} && git reset --hard ${shellWord(remote.name)}`
  const beliefs = beliefsAt(place, keyFileTrust, env)
  return mergeVault(git, sides, beliefs, wayBack)
}

/** With an owner's key at hand everything is settled at once; else what needs none is merged. */
async function settleIfOwner(
  git: Git,
  request: SyncRequest,
  place: Place,
  merge: VaultMerge,
): Promise<Omit<MergedIncoming, "commit" | "dropped"> & { readonly draft: Draft }> {
  const { sides, units } = merge
  const keyless = await keylessDraft(git, merge)
  const settled = units.contested.filter((unit) => classify(unit).is !== "manifest")
  const isBoth = (["ours", "theirs"] as const).every(
    (side) => changedUnits(sides.base, sides[side]).size > 0,
  )
  if (!isBoth && keyless !== undefined) {
    return { draft: keyless, settled, exposed: [], isForOwners: false }
  }
  try {
    const { env, now, onProgress } = request
    const identity = await request.owner()
    const session = { identity, env, now, onProgress }
    const { draft, exposed } = await settle(git, place, session, merge, NO_CHOICES)
    return { draft, settled, exposed, isForOwners: false }
  } catch (cause) {
    if (!(cause instanceof VaultError) || ![3, 4].includes(cause.exitCode)) throw cause
    if (keyless === undefined) throw ownerNeeded(settled, cause)
    return { draft: keyless, settled, exposed: [], isForOwners: true }
  }
}

/** What is to be changed in the tree that git merged, so that it holds the vault as we merged it. */
async function changesTo(
  git: Git,
  tree: string,
  folder: string,
  { units }: VaultMerge,
  draft: Draft,
): Promise<Map<string, Uint8Array | BlobId | undefined>> {
  const there = await treeOf(git, tree, folder)
  const changes = new Map<string, Uint8Array | BlobId | undefined>()
  for (const path of new Set([...there.keys(), ...units.files.keys()])) {
    const wanted = units.files.get(path)
    if (there.get(path) !== wanted) changes.set(`${folder}/${path}`, wanted)
  }
  for (const [path, bytes] of draft.changes) changes.set(`${folder}/${path}`, bytes)
  return changes
}

/** Files in the vault's folder that are none of its own, and that both sides changed. */
function strays({ units }: VaultMerge): readonly string[] {
  return units.contested.filter((unit) => classify(unit).is === "stray")
}

function refuseConflicts(
  { name }: RemoteBranch,
  others: readonly string[],
  foreign: readonly string[],
  vault: readonly VaultConflict[],
): void {
  const files = [...others, ...foreign]
  const names = [...files, ...vault.map((conflict) => conflict.name)]
  if (names.length === 0) return
  const shown = names.slice(0, 5).join(", ")
  const more = names.length > 5 ? ` and ${names.length - 5} more` : ""
  const first = files.length === 0 ? "" : "settle the files that git names, "
  // With merge.ff=only Git merges nothing that has gone two ways.
  throw new VaultError("CONFLICT", `this branch and ${name} both changed ${shown}${more}`, {
    hint: `nothing was merged. Merge it by hand: git merge --no-ff ${shellWord(name)}; then ${first}agent-vault resolve, git commit, and agent-vault sync`,
  })
}

function ownerNeeded(units: readonly string[], cause: VaultError): VaultError {
  const what = units.slice(0, 5).map(nameOf).join(", ")
  return new VaultError(
    "CONFLICT",
    `both sides changed ${what}, and only an owner can sign one of two`,
    {
      hint: `act as an owner (--owner, or --identity FILE): ${cause.message}`,
      cause,
    },
  )
}

function withoutVault({ remote, name }: RemoteBranch): VaultError {
  return new VaultError("NO_VAULT", `${name} no longer has this vault: somebody removed it there`, {
    hint: `ask who did, and why: git fetch ${shellWord(remote)} && git log ${shellWord(name)} -- .agent-vault`,
  })
}

/** Of a shallow clone nobody can tell before the rest of its history is there. */
async function unrelated(git: Git, { remote, name }: RemoteBranch): Promise<VaultError> {
  const merge = `git merge --no-ff --allow-unrelated-histories ${shellWord(name)}; then agent-vault resolve, and agent-vault sync`
  const what = `this branch and ${name} have no common past`
  return (await isShallowClone(git))
    ? new VaultError("CONFLICT", `${what} in this shallow clone`, {
        hint: `git fetch --unshallow ${shellWord(remote)}; then agent-vault sync`,
      })
    : new VaultError("CONFLICT", what, { hint: `if they belong together: ${merge}` })
}
