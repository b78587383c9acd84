import type { BlobId } from "../git/git.js"
import { classify } from "../words/layout.js"
import { pathsOf, unitOf } from "../words/unit.js"

/** The files of a vault: the blob of each, by its path from the vault's folder. */
export type BlobTree = ReadonlyMap<string, BlobId>

/** Two versions of a vault, and the one that both come from. */
export interface Sides {
  readonly base: BlobTree
  readonly ours: BlobTree
  readonly theirs: BlobTree
}

/** One of the two. */
export type Side = "ours" | "theirs"

/** What each side has on its own, and what both changed. */
export interface UnitMerge {
  /** What only one side changed as that side has it; what both changed as ours has it. */
  readonly files: BlobTree
  /** The units that both sides changed, and not alike. */
  readonly contested: readonly string[]
}

/** What people call a unit: `stripe/api-key`, `stripe`, `ci`; of another file its path. */
export function nameOf(unit: string): string {
  const file = classify(unit)
  if (file.is === "secret") return file.secret.full
  if (file.is === "group") return file.group
  return file.is === "agent" ? file.agent : unit
}

/** The group that a unit belongs to, if it belongs to one. */
export function groupOf(unit: string): string | undefined {
  const file = classify(unit)
  if (file.is === "group") return file.group
  return file.is === "secret" ? file.secret.group : undefined
}

/** The units that differ between two trees. */
export function changedUnits(before: BlobTree, after: BlobTree): ReadonlySet<string> {
  const paths = [...new Set([...before.keys(), ...after.keys()])]
  return new Set(paths.filter((path) => before.get(path) !== after.get(path)).map(unitOf))
}

/** Takes each unit from the side that changed it. Needs no key, and looks into no file. */
export function mergeUnits({ base, ours, theirs }: Sides): UnitMerge {
  const here = changedUnits(base, ours)
  const apart = changedUnits(ours, theirs)
  const both = [...changedUnits(base, theirs)].filter((unit) => apart.has(unit))
  const files = new Map(ours)
  for (const unit of both.filter((each) => !here.has(each))) take(files, unit, theirs)
  return { files, contested: both.filter((unit) => here.has(unit)).sort() }
}

/** Puts a unit into `files` as another tree has it. */
export function take(files: Map<string, BlobId>, unit: string, from: BlobTree): void {
  for (const path of pathsOf(unit)) {
    const blob = from.get(path)
    if (blob === undefined) files.delete(path)
    else files.set(path, blob)
  }
}
