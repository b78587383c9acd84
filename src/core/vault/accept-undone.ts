import type { Environment } from "../disk/homes.js"
import { FolderFiles, type VaultFiles } from "../disk/files.js"
import type { Place } from "../disk/place.js"
import type { Settled, Undone } from "../undone/settle.js"
import { VaultError } from "../words/errors.js"
import { classify } from "../words/layout.js"
import type { OnNote } from "../words/note.js"
import { reachText } from "../records/reach.js"
import { readVaultRecord } from "./vault.js"

/** Records named in one line. */
const NAMED = 3

/**
 * Lets go of what was seen of records where that was undone in this clone and never left it, and
 * says so in one line: then what was refused is worth another try. This alone runs Git for a reader,
 * and only where one is about to be refused. `files` is the vault that is refused: it lies in the
 * work tree, or is about to.
 */
export async function acceptUndone(
  place: Place,
  env: Environment,
  onNote: OnNote | undefined,
  files: VaultFiles = new FolderFiles(place.root),
): Promise<{ readonly isAccepted: boolean; readonly doubts: Settled["doubts"] }> {
  const { settleUndone } = await import("../undone/settle.js")
  const { vault } = readVaultRecord(files)
  const { undone, doubts } = await settleUndone(vault, place, env, files)
  if (undone.length > 0) onNote?.(noteOf(undone))
  return { isAccepted: undone.length > 0, doubts }
}

/** The same, for a refusal: throws it, with why it stands, unless something was accepted. */
export async function acceptUndoneOr(
  refusal: unknown,
  ...at: Parameters<typeof acceptUndone>
): Promise<void> {
  if (!VaultError.is(refusal, "ROLLED_BACK") && !VaultError.is(refusal, "UNTRUSTED")) throw refusal
  const { isAccepted, doubts } = await acceptUndone(...at)
  if (isAccepted) return
  const { code, message, hint, cause } = refusal
  const [, doubt] = [...doubts].find(([path]) => message.startsWith(`${path} `)) ?? []
  if (doubt === undefined || hint === undefined) throw refusal
  throw new VaultError(code, `${message}; ${doubt}`, { hint, cause })
}

function noteOf(undone: readonly Undone[]): string {
  const each = undone.slice(0, NAMED).map(({ path, now }) => `${path} (${reachText(now)})`)
  const more = undone.length > NAMED ? ` and ${undone.length - NAMED} more` : ""
  const records = `${each.join(", ")}${more}`
  const groups = undone.flatMap(({ path, now, undone: was }) => {
    const file = classify(path)
    return file.is === "group" && now.epoch < was.epoch ? [file.group] : []
  })
  const access =
    groups.length === 0
      ? ""
      : `; ${groups.join(", ")} has an earlier key again, so a revoke that was undone took nobody's access`
  return `accepted as undone here, and never published: back at ${records}${access}`
}
