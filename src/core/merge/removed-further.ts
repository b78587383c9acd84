import type { Git } from "../git/git.js"
import { readBlobs } from "../git/git-objects.js"
import { reachIn } from "../records/reach.js"
import { type OwnersOfPast, ownersOfPast, signedPastRecord } from "../records/signed-past-record.js"
import { type CommitRange, changesBelow } from "../undone/blobs.js"
import type { VaultMerge } from "./merge-vault.js"

/**
 * Of secrets that one side made, or kept, the other one may have had more: it changed them, and
 * removed them. Whoever has seen that refuses what is left as a set-back. Such a secret is contested,
 * though git sees no conflict: an owner signs it anew, further than all that was removed, as far as an
 * owner had signed that. `range` is the history of both sides, `folder` the vault's.
 */
export async function withRemovals(
  git: Git,
  folder: string,
  merge: VaultMerge,
  range: CommitRange,
): Promise<VaultMerge> {
  const { units, sides, ours, theirs } = merge
  const owners = ownersOfPast(ours.record, theirs.record)
  const removed = await removedSerials(git, folder, range, owners)
  if (removed.size === 0) return merge
  const paths = [...removed.keys()].filter((path) => sides.ours.has(path) || sides.theirs.has(path))
  const left = paths.flatMap((path) => sides.ours.get(path) ?? sides.theirs.get(path) ?? [])
  const contents = await readBlobs(git, left)
  const outrun = paths.filter((path, index) => {
    const { serial: furthest = 0, blobs = new Set() } = removed.get(path) ?? {}
    const serial = reachIn(contents[index])?.serial ?? 0
    const isAlone = blobs.size === 1 && blobs.has(left[index] ?? "")
    return units.files.has(path) && serial <= furthest && !isAlone
  })
  const contested = [...new Set([...units.contested, ...outrun])].sort()
  const floors = new Map([...removed].map(([path, { serial }]) => [path, serial]))
  return { ...merge, units: { ...units, contested }, floors }
}

/** The furthest that a record came, and all that came as far: both sides may have made one. */
interface Furthest {
  readonly serial: number
  readonly blobs: Set<string>
}

/** The furthest records at each path where some commit of a range removed one, from the vault's folder. */
async function removedSerials(
  git: Git,
  folder: string,
  range: CommitRange,
  owners: OwnersOfPast,
): Promise<ReadonlyMap<string, Furthest>> {
  const changes = await changesBelow(git, range, `${folder}/secrets`)
  const records = [...changes].filter(
    ([path, own]) => path.endsWith(".json") && own.some(({ after }) => after === undefined),
  )
  const blobs = records.flatMap(([path, own]) =>
    own
      .flatMap(({ before, after }) => [before, after])
      .flatMap((blob) => (blob === undefined ? [] : [{ path, blob }])),
  )
  const contents = await readBlobs(
    git,
    blobs.map(({ blob }) => blob),
  )
  const furthest = new Map<string, Furthest>()
  for (const [index, { path, blob }] of blobs.entries()) {
    const unit = path.slice(folder.length + 1)
    const serial = signedPastRecord(owners, unit, contents[index])?.reach.serial
    if (serial === undefined) continue
    const known = furthest.get(unit)
    if (serial > (known?.serial ?? 0)) furthest.set(unit, { serial, blobs: new Set([blob]) })
    else if (serial === known?.serial) known.blobs.add(blob)
  }
  return furthest
}
