import { vaultAt } from "../check/history.js"
import { type Place, gitPath } from "../disk/place.js"
import type { Git } from "../git/git.js"
import { parseManifest } from "../records/manifest.js"
import { allRecords } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { MANIFEST } from "../words/layout.js"
import { hasMergeMarkers } from "../words/markers.js"
import { requireCheckout } from "./clone-state.js"

/**
 * Refuses a commit of this clone whose vault nobody could read: one with the markers of a merge, say,
 * which `git commit -a` takes for settled. Throws the codes of exit 5, with the way back.
 */
export async function refuseBrokenTip(git: Git, place: Place, commit: string): Promise<void> {
  const folder = gitPath(requireCheckout(place), place.root)
  try {
    const vault = await vaultAt(git, commit, folder, undefined)
    allRecords(vault)
    // A manifest that is not valid for another reason is an owner's to correct, and hurts no reader.
    const manifest = vault.files.read(MANIFEST)
    if (manifest !== undefined && hasMergeMarkers(manifest)) parseManifest(manifest, vault.id)
  } catch (cause) {
    if (!VaultError.is(cause)) throw cause
    throw new VaultError(cause.code, `the last commit holds a broken vault: ${cause.message}`, {
      hint: "take the commit back, with all that it brought: git reset --hard HEAD~1; if others have it: git revert HEAD (of a merge: git revert -m 1 HEAD)",
      cause,
    })
  }
}
