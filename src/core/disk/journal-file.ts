import { statSync } from "node:fs"
import { join } from "node:path"
import { witness } from "./evidence.js"
import type { Place } from "./place.js"

/** The folder in the Git folder where changes keep their lock, their journal and their index. */
export function changeFolder(gitFolder: string): string {
  return join(gitFolder, "agent-vault")
}

/** The journal of the change that is being written to this work tree. */
export function journalFile(gitFolder: string): string {
  return join(changeFolder(gitFolder), "journal.json")
}

/** The lock that a change holds in this work tree. */
export function lockFile(gitFolder: string): string {
  return join(changeFolder(gitFolder), "lock")
}

/** Whether a change is being made, or died with the lock in its hand. */
export function lockExists({ checkout }: Place): boolean {
  if (checkout === undefined) return false
  return statSync(lockFile(checkout.gitFolder), { throwIfNoEntry: false }) !== undefined
}

/** Whether a change is being written, or was left half done. */
export function journalExists(place: Place): boolean {
  if (place.checkout === undefined) return false
  const journal = journalFile(place.checkout.gitFolder)
  witness(journal, "target")
  return statSync(journal, { throwIfNoEntry: false }) !== undefined
}

/** Is another one after any change that began or ended: each makes and removes files here. */
export function changeStamp(place: Place): bigint | undefined {
  if (place.checkout === undefined) return undefined
  const folder = changeFolder(place.checkout.gitFolder)
  return statSync(folder, { bigint: true, throwIfNoEntry: false })?.mtimeNs
}
