import type { BlobId, Git } from "../git/git.js"
import { parseEntries, refuseOthers, resolveCommit } from "../git/git-objects.js"
import { unitOf } from "../words/unit.js"
import { mergedSides } from "./merged-commits.js"
import { treeOf } from "./snapshot.js"
import { type BlobTree, type Sides, take } from "./units.js"

/** A merge that git left to a person, as the index has it. */
export interface IndexSides extends Sides {
  /** What git has staged of the files that are not in conflict. */
  readonly staged: BlobTree
  /** The paths in conflict, from the vault's folder. */
  readonly unmerged: readonly string[]
  /** Of a unit in conflict, the one whose files git put under its name: it took a move for a rename. */
  readonly renamed: ReadonlyMap<string, string>
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
  const renamed = new Map([
    ...putBack(base, unmerged, merged?.base),
    ...putBack(ours, unmerged, head),
    ...putBack(theirs, unmerged, merged?.theirs),
  ])
  const units = new Set([...unmerged.map(unitOf), ...renamed.values()])
  return {
    base: asIn(merged?.base, base, units),
    ours: asIn(head, ours, units),
    theirs: asIn(merged?.theirs, theirs, units),
    staged: without(staged),
    unmerged,
    renamed,
    others: (await unmergedPaths(git)).filter((path) => !path.startsWith(`${folder}/`)),
  }
}

/**
 * Takes units in conflict as the commit of their side has them, where that is known: under a name that
 * one side moved a secret to, and the other one made anew, git puts a mixture of three records.
 */
function asIn(
  from: BlobTree | undefined,
  tree: Map<string, BlobId>,
  units: ReadonlySet<string>,
): BlobTree {
  if (from !== undefined) for (const unit of units) take(tree, unit, from)
  return tree
}

/**
 * Where one side moved a secret and the other one changed it, git takes the one record for the other
 * under a new name, and puts both sides of it there. What a commit has elsewhere goes back to where
 * that commit has it. Returns the unit that each such record was put under, and its own.
 */
function putBack(
  tree: Map<string, BlobId>,
  unmerged: readonly string[],
  from: BlobTree | undefined,
): ReadonlyMap<string, string> {
  const renamed = new Map<string, string>()
  for (const path of unmerged) {
    const blob = tree.get(path)
    if (from === undefined || blob === undefined || from.get(path) === blob) continue
    const [own] = [...from].find(([, id]) => id === blob) ?? []
    if (own === undefined) continue
    const there = from.get(path)
    if (there === undefined) tree.delete(path)
    else tree.set(path, there)
    tree.set(own, blob)
    renamed.set(unitOf(path), unitOf(own))
  }
  return renamed
}

async function unmergedPaths(git: Git): Promise<readonly string[]> {
  const listing = await git.run(["ls-files", "-u", "-z", "--full-name"])
  return [...parseEntries(listing, /^\d+ (\w+) \d\t(.*)$/s).keys()]
}

function fromFolder(entries: BlobTree, folder: string): BlobTree {
  return new Map([...entries].map(([path, blob]) => [path.slice(folder.length + 1), blob]))
}
