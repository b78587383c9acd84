import { VaultError } from "../words/errors.js"
import { lookAt } from "./at-path.js"
import { inFolder } from "./files.js"
import type { Place } from "./place.js"

/**
 * The mode of lock and journal. They hold no secret, and an agent that runs as another user looks
 * whether they are there.
 */
export const OPEN_MODE = 0o644

/** The folder in the Git folder where changes keep their lock, their journal and their index. */
export function changeFolder(gitFolder: string): string {
  return inFolder(gitFolder, "agent-vault")
}

/**
 * Refuses a link in the place of that folder: a repository may come from anywhere, and what is
 * written and cleared away there would be outside of it. Throws `FILE_UNSAFE`.
 */
export function refuseLinkedFolder(gitFolder: string): void {
  const folder = changeFolder(gitFolder)
  const stat = lookAt(folder)
  if (stat === undefined || stat.isDirectory()) return
  throw new VaultError("FILE_UNSAFE", `${folder} is refused: it is not a folder`, {
    hint: "remove it: agent-vault makes a folder there",
  })
}

/** The journal of the change that is being written to this work tree. */
export function journalFile(gitFolder: string): string {
  return inFolder(changeFolder(gitFolder), "journal.json")
}

/** The lock that a change holds in this work tree. */
export function lockFile(gitFolder: string): string {
  return inFolder(changeFolder(gitFolder), "lock")
}

/** Whether a change is being made, or died with the lock in its hand. */
export function lockExists({ checkout }: Place): boolean {
  if (checkout === undefined) return false
  return lookAt(lockFile(checkout.gitFolder)) !== undefined
}

/** Whether a change is being written, or was left half done. */
export function journalExists(place: Place): boolean {
  if (place.checkout === undefined) return false
  return lookAt(journalFile(place.checkout.gitFolder)) !== undefined
}

/** A dry run repairs nothing, so it cannot say what would come after a repair. Throws `BUSY`. */
export function refuseIncomplete(place: Place): void {
  if (!journalExists(place)) return
  throw new VaultError("BUSY", "an earlier change is not complete", { hint: "agent-vault repair" })
}

/** Is another one after any change that began or ended: each makes and removes files here. */
export function changeStamp(place: Place): number | undefined {
  if (place.checkout === undefined) return undefined
  return lookAt(changeFolder(place.checkout.gitFolder))?.mtimeMs
}
