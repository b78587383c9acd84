import { groupOf } from "../check/check-file.js"
import { vaultAt } from "../check/history.js"
import { type Place, gitPath } from "../disk/place.js"
import type { Git } from "../git/git.js"
import { REWIND } from "../memory/marks.js"
import { type Memory, noMemory } from "../memory/memory.js"
import { parseManifest } from "../records/manifest.js"
import { type Vault, listSecrets } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { MANIFEST } from "../words/layout.js"
import { hasMergeMarkers } from "../words/markers.js"
import { requireCheckout } from "./clone-state.js"
import { verifyForReaders } from "./verify.js"

/**
 * Refuses a commit of this clone whose vault nobody could read: one with the markers of a merge, say,
 * which `git commit -a` takes for settled. With a memory, also one that who remembers the same would
 * refuse: a `git revert` of a change that was published. Throws the codes of exit 5, with the way back.
 */
export async function refuseBrokenTip(
  git: Git,
  place: Place,
  commit: string,
  memory: Memory = noMemory(),
): Promise<void> {
  const folder = gitPath(requireCheckout(place), place.root)
  let vault: Vault
  try {
    vault = await vaultAt(git, commit, folder, undefined)
    verifyForReaders(vault.files, memory)
    // A manifest that is not valid for another reason is an owner's to correct, and hurts no reader.
    const manifest = vault.files.read(MANIFEST)
    if (manifest !== undefined && hasMergeMarkers(manifest)) parseManifest(manifest, vault.id)
  } catch (cause) {
    if (!VaultError.is(cause)) throw cause
    // What is older than the user's own floor was not set back by a commit here.
    if (cause.code === "ROLLED_BACK") throw cause.hint === REWIND ? setBack(cause) : cause
    throw new VaultError(cause.code, `the last commit holds a broken vault: ${cause.message}`, {
      hint: "take the commit back, with all that it brought: git reset --hard HEAD~1; if others have it: git revert HEAD (of a merge: git revert -m 1 HEAD)",
      cause,
    })
  }
  refuseLostGroups(vault)
}

/** `resolve` comes here as well, where it could bring nothing back. */
function refuseLostGroups(vault: Vault): void {
  try {
    for (const name of listSecrets(vault)) groupOf(vault, name)
  } catch (cause) {
    if (!VaultError.is(cause)) throw cause
    throw new VaultError(cause.code, cause.message, {
      hint: "agent-vault resolve brings back a group that this branch had; where it had none, take the commit back: git reset --hard HEAD~1",
      cause,
    })
  }
}

function setBack({ code, message, cause }: VaultError): VaultError {
  return new VaultError(code, message, {
    hint: "take back the commit that did it, with git revert; see: git log -- .agent-vault; if it was meant: agent-vault trust --rewind",
    cause,
  })
}
