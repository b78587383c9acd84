import type { BlobId, Git } from "../git/git.js"
import { parseEntries, refuseOthers, resolveCommit } from "../git/git-objects.js"
import { pathsOf, unitOf } from "../words/unit.js"
import { mergedSides } from "./merged-commits.js"
import { treeOf } from "./snapshot.js"
import { type BlobTree, type Sides, take } from "./units.js"

/** A merge that git left to a person, as the index has it. */
export interface IndexSides extends Sides {
  /** What git has staged of the files that are not in conflict. */
  readonly staged: BlobTree
  /** The paths in conflict, from the vault's folder. */
  readonly unmerged: readonly string[]
  /** Of a unit in conflict under whose name git put others' files, those whose names are gone. */
  readonly renamed: ReadonlyMap<string, readonly string[]>
  /** The paths in conflict elsewhere, from the top. */
  readonly others: readonly string[]
}

/**
 * The two sides of what is being merged, rebased, picked, reverted, squashed or popped from a stash:
 * for a file in conflict its stages in the index, for every other one what HEAD has, and what git
 * has staged instead (git-ls-files, "--stage"). Whatever git is at, the index holds both sides. Of a
 * unit in conflict, git may have merged a file by itself, or taken it for another one: it is taken
 * from the commits, where git says which ones are being merged. Throws `FILE_UNSAFE`.
 */
export async function sidesInIndex(git: Git, folder: string): Promise<IndexSides> {
  const listing = await git.run(["ls-files", "-s", "-z", "--full-name", "--", folder])
  refuseOthers(listing)
  const at = (stage: number): BlobTree =>
    fromFolder(parseEntries(listing, new RegExp(`^\\d+ (\\w+) ${stage}\\t(.*)$`, "s")), folder)
  const [staged, first, second, third] = [at(0), at(1), at(2), at(3)]
  const head = await treeOf(git, await resolveCommit(git, "HEAD"), folder)
  const unmerged = [...new Set([...first.keys(), ...second.keys(), ...third.keys()])].sort()
  const without = (tree: BlobTree): Map<string, string> =>
    new Map([...tree].filter(([path]) => !unmerged.includes(path)))
  const merged = unmerged.length === 0 ? undefined : await mergedSides(git, folder)
  const base = new Map([...without(head), ...first])
  const ours = new Map([...without(head), ...second])
  const theirs = new Map([...without(staged), ...third])
  const isMixed = (path: string): boolean =>
    isOther(second, head, path) || isOther(third, merged?.theirs, path)
  const mixed = unmerged.filter(isMixed).map(unitOf)
  const isGone = (path: string): boolean => !staged.has(path) && !unmerged.includes(path)
  const moved = mixed.length === 0 ? [] : recordsIn(head, merged?.theirs).filter(isGone)
  const units = new Set([...unmerged.map(unitOf), ...moved])
  return {
    base: asIn(merged?.base, base, units),
    ours: asIn(head, ours, units),
    theirs: asIn(merged?.theirs, theirs, units),
    staged: without(staged),
    unmerged,
    renamed: new Map(mixed.map((unit) => [unit, moved])),
    others: (await unmergedPaths(git)).filter((path) => !path.startsWith(`${folder}/`)),
  }
}

/** Whether git has put under a name what its side does not have there. */
function isOther(stage: BlobTree, side: BlobTree | undefined, path: string): boolean {
  return side !== undefined && stage.has(path) && stage.get(path) !== side.get(path)
}

/** The records that one side has or the other, by their paths. */
function recordsIn(...sides: readonly (BlobTree | undefined)[]): readonly string[] {
  const paths = sides.flatMap((side) => [...(side?.keys() ?? [])])
  return [...new Set(paths.filter((path) => unitOf(path) === path && pathsOf(path).length > 1))]
}

/**
 * Takes units in conflict as the commit of their side has them, where that is known. Where one side
 * moved a secret and the other one changed it, git takes the one record for the other under a new name,
 * puts both sides of it there, and nothing where it was; where the new name was made anew as well, a
 * mixture of three.
 */
function asIn(
  from: BlobTree | undefined,
  tree: Map<string, BlobId>,
  units: ReadonlySet<string>,
): BlobTree {
  if (from !== undefined) for (const unit of units) take(tree, unit, from)
  return tree
}

async function unmergedPaths(git: Git): Promise<readonly string[]> {
  const listing = await git.run(["ls-files", "-u", "-z", "--full-name"])
  return [...parseEntries(listing, /^\d+ (\w+) \d\t(.*)$/s).keys()]
}

function fromFolder(entries: BlobTree, folder: string): BlobTree {
  return new Map([...entries].map(([path, blob]) => [path.slice(folder.length + 1), blob]))
}
