import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { isBehindLink, listFolder, lookAt, realPath } from "../disk/at-path.js"
import { createFile, readRegularFile, removeFile } from "../disk/files.js"
import { OPEN_MODE, changeFolder, refuseLinkedFolder } from "../disk/journal-file.js"
import { type Maker, fateOfMaker, isGone, nameByMaker } from "../disk/maker.js"
import { commonFolder } from "../disk/place.js"
import { gitsAtWork } from "../disk/running-gits.js"
import { LIMITS } from "../words/limits.js"
import { asVaultError, attempted } from "../words/system-error.js"
import type { Git } from "./git.js"
import { listedGits } from "./listed-gits.js"

// Nothing in a lock of Git's says whose it is. So before a git starts that may be killed with one in
// its hand, a note says which locks it may take that are not there yet. Who finds the note of a process
// that is gone takes such a lock for that git's, once no git runs that may have made it.

/** The start of the names of the notes; the rest tells who made them. */
const NOTE = "git-at-work-"
/** Locks of one work tree. */
const OWN = /^(?:index|HEAD|ORIG_HEAD)\.lock$/
/** Locks of all work trees of a clone. */
const SHARED = /^(?:packed-refs|shallow|config|refs(?:\/(?!\.)[^/]+)+)\.lock$/
/** Other programs that change a repository hold its locks for less, and nothing tells of them. */
const YOUNG_MS = 1000
/** How long a git that was at work when a lock was seen is waited for. */
const PATIENCE_MS = 2000
const PAUSE_MS = 25
/** How long the note of a process that nobody here can ask for stays. */
const DOUBT_MS = 24 * 60 * 60 * 1000

/**
 * Does work with gits that may take these locks: `index`, `refs/heads/main`. Should they be killed,
 * alone or with this process, their locks do not stay for ever.
 */
export async function lockingFiles<T>(
  git: Git,
  names: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  const { gitFolder } = git.checkout
  refuseLinkedFolder(gitFolder)
  const free = placesOf(
    gitFolder,
    names.map((name) => `${name}.lock`),
  ).filter(([, file]) => lookAt(file) === undefined)
  const note = join(changeFolder(gitFolder), nameByMaker(NOTE))
  createFile(note, JSON.stringify(free.map(([name]) => name)), OPEN_MODE)
  let hasFailed = true
  try {
    const result = await work()
    hasFailed = false
    return result
  } finally {
    const locks = free.map(([, file]) => file)
    // A git that did its work removed them: what is there now is most likely somebody else's.
    if (hasFailed) await removeUnheld(git, gitFolder, note, locks).catch(asVaultError)
    attempted(() => removeSpent(note, locks))
  }
}

/**
 * Removes the locks that gits of processes that are gone left when they were killed. A lock stays as
 * long as a git runs that may hold it. Whoever calls this holds the lock of the work tree.
 */
export async function removeKilledGitsLocks(git: Git): Promise<void> {
  const { gitFolder } = git.checkout
  for (const note of notesIn(gitFolder)) {
    const locks = placesOf(gitFolder, namesIn(note)).map(([, file]) => file)
    if (fateOfMaker(note) === "gone") await removeUnheld(git, gitFolder, note, locks)
    // Of what another host left nobody here can tell: its note goes, and its locks stay.
    removeSpent(note, fateOfMaker(note) === "gone" ? locks : [])
  }
  // What stands in the way of all work trees is removed from each; the rest there, under its own lock.
  for (const other of otherWorkTrees(gitFolder)) {
    for (const note of notesIn(other).filter((each) => fateOfMaker(each) === "gone")) {
      const shared = placesOf(other, namesIn(note)).filter(([name]) => SHARED.test(name))
      await removeUnheld(
        git,
        other,
        note,
        shared.map(([, file]) => file),
      )
    }
  }
}

/** The notes of processes that are gone, or of whom nobody here has been able to tell for a day. */
function notesIn(gitFolder: string): string[] {
  const folder = changeFolder(gitFolder)
  const names = listFolder(folder).filter((name) => name.startsWith(NOTE))
  return names.flatMap((name) => {
    const [note, fate] = [join(folder, name), fateOfMaker(name)]
    const isOld = Math.abs(Date.now() - (lookAt(note)?.mtimeMs ?? 0)) > DOUBT_MS
    return fate === "gone" || (fate === "elsewhere" && isOld) ? [note] : []
  })
}

/** Removes a note of which no lock is left. */
function removeSpent(note: string, locks: readonly string[]): void {
  if (locks.every((file) => lookAt(file) === undefined)) removeFile(note)
}

function namesIn(note: string): string[] {
  const bytes = readRegularFile(note, LIMITS.lock)
  try {
    const names: unknown = JSON.parse(Buffer.from(bytes ?? []).toString("utf8"))
    return Array.isArray(names) ? names.filter((name) => typeof name === "string") : []
  } catch {
    return []
  }
}

/**
 * Where locks are. A repository may come from anywhere, with a note of its own: what is no lock of
 * Git's, or lies behind a link, is left out.
 */
function placesOf(gitFolder: string, names: readonly string[]): [name: string, file: string][] {
  const common = commonFolder(gitFolder)
  return names.flatMap((name) => {
    if (OWN.test(name)) return [[name, join(gitFolder, name)]]
    return SHARED.test(name) && !isBehindLink(common, name) ? [[name, join(common, name)]] : []
  })
}

/** The Git folders of the other work trees of a clone. */
function otherWorkTrees(gitFolder: string): string[] {
  const common = commonFolder(gitFolder)
  const linked = listFolder(join(common, "worktrees")).map((name) =>
    join(common, "worktrees", name),
  )
  return [common, ...linked].filter((folder) => realPath(folder) !== realPath(gitFolder))
}

/** Removes locks of the maker of a note that nobody can hold any more. */
async function removeUnheld(
  { env }: Git,
  gitFolder: string,
  note: string,
  locks: readonly string[],
): Promise<void> {
  const user = lookAt(note)?.uid
  const seen = locks.flatMap((file) => {
    const stat = lookAt(file)
    return stat?.isFile() === true && stat.uid === user ? [{ file, stat }] : []
  })
  if (seen.length === 0 || user === undefined) return
  const youngest = seen.reduce((latest, { stat }) => Math.max(latest, stat.mtimeMs), 0)
  // Where the system does not tell of one repository, every git of the user counts.
  const gits = gitsAtWork(realPath(commonFolder(gitFolder)), user) ?? listedGits(user, env)
  if (gits === undefined || !(await haveEnded(gits, youngest))) return
  for (const { file, stat } of seen) {
    const now = lookAt(file)
    if (now?.ino === stat.ino && now.ctimeMs === stat.ctimeMs) removeFile(file)
  }
}

/** Waits for all gits that are at work now; later ones cannot hold what is there already. */
async function haveEnded(gits: readonly Maker[], youngest: number): Promise<boolean> {
  let left = gits
  const age = Date.now() - youngest
  // A clock that was set back dates a lock ahead.
  if (age < YOUNG_MS) await sleep(Math.min(YOUNG_MS - age, YOUNG_MS))
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    left = left.filter((each) => !isGone(each))
    if (left.length === 0) return true
    if (performance.now() > deadline) return false
    await sleep(PAUSE_MS)
  }
}
