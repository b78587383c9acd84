import { VaultError } from "../words/errors.js"
import { removeFile } from "../disk/files.js"
import type { Git } from "../git/git.js"
import { lockingFiles } from "../git/git-locks.js"
import { committedFiles } from "../git/git-objects.js"
import { withoutPrograms } from "../git/git-programs.js"
import { incomplete, settleMove } from "../commit/transaction.js"
import { attempted } from "../words/system-error.js"
import { type MaybeUnfinished, withUnfinished } from "../words/unfinished.js"
import { type Journal, writeJournal } from "../commit/journal.js"
import { journalFile } from "../disk/journal-file.js"
import { classify } from "../words/layout.js"
import { type Place, gitPath } from "../disk/place.js"

/** A branch, and the commits between which it moves: the second contains the first. */
interface Move {
  readonly branch: string
  readonly from: string
  readonly to: string
}

/** A configuration may ask for a squash; a file that is ignored, such as `.env`, is somebody's, too. */
const FORWARD = ["merge", "--quiet", "--ff-only", "--no-squash", "--no-overwrite-ignore"]

/**
 * Moves the branch that is checked out, its work tree and its index forward. Readers wait meanwhile,
 * and a repair completes it. Throws `REPOSITORY_STATE` if files that the user has not committed are in the way; nothing has moved.
 * What goes wrong after the branch moved is told with the outcome.
 */
export async function moveForward(git: Git, place: Place, move: Move): Promise<MaybeUnfinished> {
  const { gitFolder } = git.checkout
  const journal = await journalOf(git, place, move)
  writeJournal(gitFolder, journal)
  try {
    // Git writes file after file, and the branch last.
    const locked = ["index", "HEAD", "ORIG_HEAD", move.branch]
    await lockingFiles(git, locked, () => git.run([...withoutPrograms(git), ...FORWARD, move.to]))
  } catch (error) {
    return settleMove(git, journal, inTheWay(error))
  }
  const left = attempted(() => removeFile(journalFile(gitFolder)))
  return withUnfinished({}, left && incomplete(left))
}

/** What is to be done, for readers, who wait, and for a repair if this process dies. */
async function journalOf(git: Git, { root }: Place, move: Move): Promise<Journal> {
  const folder = gitPath(git.checkout, root)
  const [before, after] = await Promise.all([
    committedFiles(git, move.from, folder),
    committedFiles(git, move.to, folder),
  ])
  const isVaults = (path: string): boolean =>
    classify(path.slice(folder.length + 1)).is !== "stray" && before.get(path) !== after.get(path)
  const paths = [...new Set([...before.keys(), ...after.keys()])].filter(isVaults)
  return { ...move, folder, paths, wish: null, isForward: true }
}

function inTheWay(error: unknown): unknown {
  if (!VaultError.is(error, "GIT_FAILED")) return error
  const said = error.cause instanceof Error ? error.cause.message : error.message
  if (!/would be (?:overwritten|removed|lost)/.test(said)) return error
  const files = said.split("\n").flatMap((line) => /^\t(.+)$/.exec(line)?.[1] ?? [])
  return new VaultError(
    "REPOSITORY_STATE",
    `what is new would overwrite files that you have not committed: ${files.join(", ")}`,
    { hint: "commit them; or put them aside: git stash --include-untracked", cause: error },
  )
}
