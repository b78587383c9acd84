import { join } from "node:path"
import { lookAt } from "../disk/at-path.js"
import type { Git } from "../git/git.js"
import { mergeBase } from "../git/git-merge.js"
import { resolveCommit } from "../git/git-objects.js"
import { treeOf } from "./snapshot.js"
import type { Sides } from "./units.js"

/** What git is merging, or, where it is at nothing, what the last commit merged. */
export async function mergedSides(git: Git, folder: string): Promise<Sides | undefined> {
  const commits = await mergedCommits(git)
  if (commits === undefined) return undefined
  const [base, ours, theirs] = await Promise.all(
    [commits.base, commits.ours, commits.theirs].map(async (commit) =>
      commit === undefined ? new Map<string, string>() : treeOf(git, commit, folder),
    ),
  )
  if (base === undefined || ours === undefined || theirs === undefined) return undefined
  return { base, ours, theirs }
}

/** How git names the commit that is brought in, and the one that it was made from. */
const BROUGHT_IN = {
  CHERRY_PICK_HEAD: ["CHERRY_PICK_HEAD", "CHERRY_PICK_HEAD~1"],
  REVERT_HEAD: ["REVERT_HEAD~1", "REVERT_HEAD"],
  REBASE_HEAD: ["REBASE_HEAD", "REBASE_HEAD~1"],
} as const

/** The same as commits; undefined where nobody can tell. */
export async function mergedCommits(
  git: Git,
): Promise<{ base: string | undefined; ours: string; theirs: string } | undefined> {
  const isThere = (name: string): boolean =>
    lookAt(join(git.checkout.gitFolder, name)) !== undefined
  const head = await resolveCommit(git, "HEAD")
  if (isThere("MERGE_HEAD")) {
    const theirs = await resolveCommit(git, "MERGE_HEAD")
    return { base: await mergeBase(git, head, theirs), ours: head, theirs }
  }
  for (const [name, [theirs, base]] of Object.entries(BROUGHT_IN)) {
    if (!isThere(name)) continue
    return {
      base: await resolveCommit(git, base),
      ours: head,
      theirs: await resolveCommit(git, theirs),
    }
  }
  const line = (await git.run(["rev-list", "--parents", "--max-count=1", head])).toString("utf8")
  const [, ours, theirs] = line.trim().split(" ")
  if (ours === undefined || theirs === undefined) return undefined
  return { base: await mergeBase(git, ours, theirs), ours, theirs }
}
