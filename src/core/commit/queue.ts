import { join } from "node:path"
import { attempted } from "../words/system-error.js"
import { listFolder } from "../disk/at-path.js"
import { createFile, removeFile } from "../disk/files.js"
import { OPEN_MODE, changeFolder } from "../disk/journal-file.js"
import { fateOfMaker, nameByMaker } from "../disk/maker.js"

// Who waits for the lock of a work tree, as empty files whose names sort by who came first. The
// queue makes waiting fair; that one process holds the lock is the lock's own doing.

/** A place in the queue. */
export interface Turn {
  /** How many living processes came before this one. */
  ahead(): number
  end(): void
}

/** How the names begin; a number follows, and who waits. */
export const WAITING = "waiting-"
const NUMBER = /^waiting-(\d{8})-/

/** Whether a living process waits for the lock. */
export function isAnyoneWaiting(gitFolder: string): boolean {
  return waiting(changeFolder(gitFolder)).length > 0
}

/** Joins the queue, behind all who are in it. Throws `NO_ACCESS`. */
export function queueUp(gitFolder: string): Turn {
  const folder = changeFolder(gitFolder)
  const last = waiting(folder).at(-1) ?? ""
  const number = Number(NUMBER.exec(last)?.[1] ?? 0) + 1
  const own = nameByMaker(`${WAITING}${String(number).padStart(8, "0")}-`)
  createFile(join(folder, own), "", OPEN_MODE)
  return {
    ahead: () => waiting(folder).filter((name) => name < own).length,
    // A place that cannot be given back holds nobody up for long: see `OVERDUE` in lock.ts.
    end: () => void attempted(() => removeFile(join(folder, own))),
  }
}

/** The names of those who live, first come first; what the dead left is removed. */
function waiting(folder: string): string[] {
  const names = listFolder(folder).filter((name) => NUMBER.test(name))
  const gone = names.filter((name) => fateOfMaker(name) === "gone")
  for (const name of gone) removeFile(join(folder, name))
  return names.filter((name) => !gone.includes(name)).sort()
}
