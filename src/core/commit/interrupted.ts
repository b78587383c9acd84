import { journalExists } from "../disk/journal-file.js"
import type { Place } from "../disk/place.js"
import { VaultError } from "../words/errors.js"
import { hasWrittenJournal } from "./journal.js"

/**
 * What to say of a change that this process makes, and that a signal ends now; undefined if nothing
 * was changed. Told at once: whatever changes the vault writes a journal first, and removes it last.
 */
export function interruptedChange(place: Place): VaultError | undefined {
  if (journalExists(place)) {
    const message = "interrupted while the change was written"
    const hint =
      "have it completed, or taken back, whichever it needs (no key needed): agent-vault repair"
    return new VaultError("INTERRUPTED", message, { hint })
  }
  if (!hasWrittenJournal()) return undefined
  return new VaultError("INTERRUPTED", "interrupted: what was committed stands", {
    hint: "see it: git log",
  })
}
