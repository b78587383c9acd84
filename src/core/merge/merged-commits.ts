import { join } from "node:path"
import { readRegularFile } from "../disk/files.js"
import { type Mixing, hasNoted, mixing } from "../disk/in-progress.js"
import type { BlobId, Git } from "../git/git.js"
import { mergeBase } from "../git/git-merge.js"
import { parseEntries, resolveCommit } from "../git/git-objects.js"
import { LIMITS } from "../words/limits.js"
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

/**
 * How git names the commit that is brought in, and what it brings and was made from. Which of them
 * counts says what git is at: it leaves REBASE_HEAD behind.
 */
const BROUGHT_IN: Readonly<
  Record<Mixing, Readonly<Record<"name" | "theirs" | "base", string>> | undefined>
> = {
  merge: undefined,
  am: undefined,
  rebase: { name: "REBASE_HEAD", theirs: "REBASE_HEAD", base: "REBASE_HEAD~1" },
  "cherry-pick": {
    name: "CHERRY_PICK_HEAD",
    theirs: "CHERRY_PICK_HEAD",
    base: "CHERRY_PICK_HEAD~1",
  },
  revert: { name: "REVERT_HEAD", theirs: "REVERT_HEAD~1", base: "REVERT_HEAD" },
}

interface Merged {
  readonly base: string | undefined
  readonly ours: string
  readonly theirs: string
}

/** The same as commits; undefined where nobody can tell. */
export async function mergedCommits(git: Git): Promise<Merged | undefined> {
  const isThere = (name: string): boolean => hasNoted(git.checkout.gitFolder, name)
  const head = await resolveCommit(git, "HEAD")
  if (isThere("MERGE_HEAD")) {
    const theirs = await resolveCommit(git, "MERGE_HEAD")
    return { base: await mergeBase(git, head, theirs), ours: head, theirs }
  }
  const at = mixing(git.checkout.gitFolder)
  const brought = at && BROUGHT_IN[at]
  if (brought !== undefined && isThere(brought.name)) {
    const base = await resolveCommit(git, brought.base)
    return { base, ours: head, theirs: await resolveCommit(git, brought.theirs) }
  }
  const squashed = squashedTip(git)
  if (squashed !== undefined) {
    const theirs = await resolveCommit(git, squashed)
    return { base: await mergeBase(git, head, theirs), ours: head, theirs }
  }
  const conflict = await git.run(["ls-files", "-u", "-z"])
  if (conflict.length > 0) return poppedStash(git, head, conflict)
  const line = (await git.run(["rev-list", "--parents", "--max-count=1", head])).toString("utf8")
  const [, ours, theirs] = line.trim().split(" ")
  if (ours === undefined || theirs === undefined) return undefined
  return { base: await mergeBase(git, ours, theirs), ours, theirs }
}

/** Git keeps no ref of what it squashes; the first commit in the message that it made is the tip. */
function squashedTip(git: Git): string | undefined {
  const file = join(git.checkout.gitFolder, "SQUASH_MSG")
  const text = Buffer.from(readRegularFile(file, LIMITS.squashMessage) ?? []).toString("utf8")
  return /^commit ([0-9a-f]{40,64})$/m.exec(text)?.[1]
}

/**
 * Git keeps no ref of the stash that it pops, but leaves that in the list when it ends in a conflict:
 * it is the one that has all that the index, listed by git-ls-files, has of the other side.
 */
async function poppedStash(git: Git, ours: string, conflict: Buffer): Promise<Merged | undefined> {
  const inStage = (stage: number): readonly BlobId[] => [
    ...parseEntries(conflict, new RegExp(`^\\d+ (\\w+) ${stage}\\t(.*)$`, "s")).values(),
  ]
  const list = await git.run(["for-each-ref", "--count=1", "refs/stash"])
  if (list.length === 0) return undefined
  const stashes = await git.run(["log", "--walk-reflogs", "--format=%H %P", "refs/stash"])
  for (const line of stashes.toString("utf8").trim().split("\n")) {
    const [theirs = "", base = ""] = line.split(" ")
    const [before, stashed] = await Promise.all([blobsOf(git, base), blobsOf(git, theirs)])
    const isIt =
      inStage(1).every((id) => before.has(id)) && inStage(3).every((id) => stashed.has(id))
    if (isIt) return { base, ours, theirs }
  }
  return undefined
}

async function blobsOf(git: Git, commit: string): Promise<ReadonlySet<BlobId>> {
  const listing = await git.run(["ls-tree", "-r", "-z", "--full-tree", commit])
  return new Set(parseEntries(listing, /^\d+ \w+ (\w+)\t(.*)$/s).values())
}
