import { join } from "node:path"
import { removeAbandoned } from "../disk/abandoned.js"
import { listFolder } from "../disk/at-path.js"
import { removeEmptyFolder } from "../disk/files.js"
import { type Environment, keyHome, stateHome } from "../disk/homes.js"
import { changeFolder } from "../disk/journal-file.js"
import type { Git } from "../git/git.js"
import { removeReports } from "../git/git-commit.js"
import { removeIndexCopies } from "../git/git-index.js"
import { removeQuarantines } from "../git/new-objects.js"
import { attempted } from "../words/system-error.js"
import { removeDeadClaims } from "./lock.js"

/**
 * Removes what commands that are gone left behind, in the Git folder and in the folders of this
 * user. Whoever calls this holds the lock. What cannot be removed stays for the next command: it
 * stands in nobody's way.
 */
export function removeLeftovers(git: Git): void {
  const { gitFolder } = git.checkout
  const steps = [
    () => removeAbandoned(changeFolder(gitFolder)),
    () => removeDeadClaims(gitFolder),
    () => removeIndexCopies(gitFolder),
    () => removeQuarantines(git),
    () => removeReports(git),
    () => removeLeftKeys(git.env),
    () => removeAbandoned(stateHome(git.env)),
  ]
  for (const step of steps) attempted(step)
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
