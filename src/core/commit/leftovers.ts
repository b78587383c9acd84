import { join } from "node:path"
import { removeAbandoned } from "../disk/abandoned.js"
import { listFolder, lookAt } from "../disk/at-path.js"
import { removeEmptyFolder } from "../disk/files.js"
import { type Environment, keyHome, stateHome } from "../disk/homes.js"
import { changeFolder } from "../disk/journal-file.js"
import { commonFolder } from "../disk/place.js"
import type { Git } from "../git/git.js"
import { removeReports } from "../git/fast-import.js"
import { removeIndexCopies } from "../git/git-index.js"
import { removeKilledGitsLocks } from "../git/git-locks.js"
import { removeQuarantines } from "../git/new-objects.js"
import { asVaultError, attempted } from "../words/system-error.js"
import { completeJournal } from "./journal.js"
import { removeDeadClaims } from "./lock.js"
import { WAITING } from "./queue.js"

/**
 * Removes what commands that are gone left behind, in the Git folder and in the folders of this
 * user. Whoever calls this holds the lock. What cannot be removed stays for the next command: it
 * stands in nobody's way.
 */
export async function removeLeftovers(git: Git): Promise<void> {
  const { gitFolder } = git.checkout
  const steps = [
    () => removeAbandoned(changeFolder(gitFolder)),
    // Of other hosts: those of this one go as soon as somebody looks at the queue.
    () => removeAbandoned(changeFolder(gitFolder), WAITING),
    () => removeDeadClaims(gitFolder),
    () => removeIndexCopies(gitFolder),
    () => removeQuarantines(git),
    () => removeReports(git),
    // What was fetched, and not verified before its process died.
    () => removeAbandoned(join(commonFolder(gitFolder), "refs/agent-vault"), "incoming-"),
    () => removeLeftKeys(git.env),
    () => removeLeftState(stateHome(git.env)),
  ]
  for (const step of steps) attempted(step)
  await removeKilledGitsLocks(git).catch(asVaultError)
}

/** The same, and completes a change that was interrupted: then another one may begin. */
export async function clearWay(git: Git): Promise<void> {
  await removeLeftovers(git)
  await completeJournal(git)
}

/** A killed `init` may have left a key in the folder of a vault that never came to be. */
function removeLeftKeys(env: Environment): void {
  const home = keyHome(env)
  removeAbandoned(home)
  for (const vault of listFolder(home)) {
    for (const folder of [join(home, vault, "agents"), join(home, vault)]) {
      removeAbandoned(folder)
      removeEmptyFolder(folder)
    }
  }
}

/**
 * Where the marks of records are that have no note, a folder for each: they are empty files, never
 * half written, and there may be ten thousand. A group's mark keeps its revokes, and may be.
 */
const EMPTY_MARKS = new Set(["agents", "secrets"])

/** What the state holds lies in folders by vault, clone and branch: at most so deep. */
const DEPTH = 6

function removeLeftState(folder: string, depth = DEPTH): void {
  removeAbandoned(folder)
  if (depth === 0) return
  for (const name of listFolder(folder)) {
    const below = join(folder, name)
    if (!EMPTY_MARKS.has(name) && lookAt(below)?.isDirectory()) removeLeftState(below, depth - 1)
  }
}
