import { journalExists } from "../disk/journal-file.js"
import type { Place } from "../disk/place.js"
import { VaultError } from "../words/errors.js"
import { holdsLock } from "./lock.js"

/**
 * What to say of a change that this process makes, and that a signal ends now; undefined if nothing
 * was changed. Told from files alone, at once: before the commit point there is a lock, and no journal.
 */
export function interruptedChange(place: Place): VaultError | undefined {
  if (journalExists(place)) {
    const message = "interrupted while the change was written"
    const hint =
      "have it completed, or taken back, whichever it needs (no key needed): agent-vault repair"
    return new VaultError("INTERRUPTED", message, { hint })
  }
  if (place.checkout !== undefined && holdsLock(place.checkout.gitFolder)) return undefined
  return new VaultError("INTERRUPTED", "interrupted", {
    hint: "whether the change was made is in the history: git log -1",
  })
}
