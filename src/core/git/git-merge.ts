import { VaultError } from "../words/errors.js"
import type { Git, ObjectFolders } from "./git.js"
import { withoutPrograms } from "./git-programs.js"
import { keepingObjects } from "./new-objects.js"
import type { Wanted } from "./object-health.js"

/** What came of merging two commits: a tree, in which files in conflict hold git's markers. */
interface MergedTree {
  readonly tree: string
  /** The paths in conflict, from the top. */
  readonly conflicts: readonly string[]
}

/** The commit that two come from; undefined if they have no common past. */
export async function mergeBase(git: Git, one: string, other: string): Promise<string | undefined> {
  const found = await git.run(["merge-base", one, other], { answer: 1 })
  return found.toString("utf8").trim().split("\n")[0] || undefined
}

/** Whether `tip` contains `old`, or is it. */
export async function contains(git: Git, tip: string, old: string): Promise<boolean> {
  return (await git.run(["rev-list", "--max-count=1", old, `^${tip}`])).length === 0
}

/**
 * Merges two commits in the object store: no ref, no index and no file knows of it. Throws
 * `GIT_FAILED` before Git 2.38.
 */
export function mergeTrees(git: Git, ours: string, theirs: string): Promise<MergedTree> {
  return keepingObjects(git, async (objects) => {
    const result = await mergeInto(git, [ours, theirs], objects)
    return { result, wanted: await objectsOf(git, ours, result.tree, objects) }
  })
}

async function mergeInto(
  git: Git,
  sides: readonly [ours: string, theirs: string],
  objects: ObjectFolders,
): Promise<MergedTree> {
  const merge = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ...sides]
  try {
    const found = await git.run([...withoutPrograms(git), ...merge], { answer: 1, objects })
    const [tree = "", ...conflicts] = found.toString("utf8").split("\0").filter(Boolean)
    return { tree, conflicts: [...new Set(conflicts)] }
  } catch (cause) {
    if (!VaultError.is(cause, "GIT_FAILED")) throw cause
    throw new VaultError("GIT_FAILED", `git could not merge: ${cause.message}`, {
      hint: "merging needs Git 2.38 or later (git --version)",
      cause,
    })
  }
}

/** What a tree has more than a commit: each object after all that it names. */
async function objectsOf(
  git: Git,
  commit: string,
  tree: string,
  objects: ObjectFolders,
): Promise<Wanted[]> {
  const diff = ["diff-tree", "-r", "-t", "-z", "--no-renames", "--no-abbrev", "--raw", commit, tree]
  const changed = (await git.run(diff, { objects })).toString("utf8").split("\0")
  // Not submodules, whose commits are in another repository.
  const ids = changed.flatMap(
    (part) => /^:\d{6} (?!160000)\d{6} [0-9a-f]+ ([0-9a-f]+) [A-Z]/.exec(part)?.[1] ?? [],
  )
  const there = ids.filter((id) => !/^0+$/.test(id)).toReversed()
  return [...there, tree].map((name) => ({ name, length: 0 }))
}
