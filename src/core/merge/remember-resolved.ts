import type { Environment } from "../disk/homes.js"
import { rebasedBranch } from "../disk/place.js"
import type { BlobId, Git } from "../git/git.js"
import { type Authorship, authorship, writeCommit } from "../git/git-commit.js"
import { blobId, resolveCommit } from "../git/git-objects.js"
import { rememberMade } from "../undone/made-here.js"
import { seeTracked } from "../undone/remote-branches.js"
import type { CloneMerge } from "./stage-settled.js"

/**
 * Remembers the records that were signed for a merge, and those that it removes although one side
 * changed them: whoever undoes it before it is published undoes what was made here. The user makes
 * the commit, so one that no ref names stands for it. A rebase moves its branch when it is done.
 */
export async function rememberResolved(settled: CloneMerge, env: Environment): Promise<void> {
  const { git, merge } = settled
  const branch = git.checkout.branch ?? rebasedBranch(git.checkout.gitFolder)
  const { signed, gone } = outcomeOf(settled)
  if (branch === undefined || signed.size + gone.ours.size + gone.theirs.size === 0) return
  const [by, before] = await Promise.all([authorship(git), seeTracked(git)])
  const made = await writeStandIn(git, { ...by, signing: undefined }, signed, gone)
  rememberMade(merge.ours.id, { ...git.checkout, branch }, made, before, env)
}

type Files = ReadonlyMap<string, BlobId>

/** What a merge removes, as each side had it: by path from the top. */
interface Gone {
  readonly ours: Files
  readonly theirs: Files
}

function outcomeOf({ git, folder, draft, merge: { sides, units }, isLeft }: CloneMerge): {
  readonly signed: ReadonlyMap<string, Uint8Array>
  readonly gone: Gone
} {
  const isOfASide = (path: string, bytes: Uint8Array): boolean =>
    [sides.ours, sides.theirs].some((side) => side.get(path) === blobId(bytes, git.hash))
  const signed = [...draft.changes].flatMap(([path, bytes]) =>
    bytes === undefined || isOfASide(path, bytes) ? [] : [[`${folder}/${path}`, bytes] as const],
  )
  // What one side removed, and the other one had not changed, that side removed.
  const removed = units.contested.filter((path) => !isLeft(path) && draft.read(path) === undefined)
  const had = (side: "ours" | "theirs"): Files =>
    new Map(
      removed.flatMap((path) => {
        const blob = sides[side].get(path)
        return blob === undefined ? [] : [[`${folder}/${path}`, blob] as const]
      }),
    )
  return { signed: new Map(signed), gone: { ours: had("ours"), theirs: had("theirs") } }
}

/**
 * A commit after ours that brings what was signed, and removes what a side had. Of the other side it
 * has no more than that for a parent: what else came from there was not made here.
 */
async function writeStandIn(
  git: Git,
  by: Authorship,
  signed: ReadonlyMap<string, Uint8Array>,
  { ours, theirs }: Gone,
): Promise<string> {
  const message = "agent-vault: what resolve settled"
  const parent = await resolveCommit(git, "HEAD")
  const removed = [...ours.keys()].map((path) => [path, undefined] as const)
  const files = new Map([...signed, ...removed])
  if (theirs.size === 0) return writeCommit(git, by, { parent, files, message })
  const beside = await writeCommit(git, by, { parent, files: theirs, message })
  return writeCommit(git, by, { parent, merged: { parent: beside }, files, message })
}
