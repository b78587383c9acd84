import { statSync } from "node:fs"
import { join } from "node:path"
import type { Place } from "./place.js"

/** The folder in the Git folder where changes keep their lock, their journal and their index. */
export function changeFolder(gitFolder: string): string {
  return join(gitFolder, "agent-vault")
}

/** The journal of the change that is being written to this work tree. */
export function journalFile(gitFolder: string): string {
  return join(changeFolder(gitFolder), "journal.json")
}

/** Whether a change is being written, or was left half done. */
export function journalExists(place: Place): boolean {
  if (place.checkout === undefined) return false
  return statSync(journalFile(place.checkout.gitFolder), { throwIfNoEntry: false }) !== undefined
}
