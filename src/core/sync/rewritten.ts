import { checkAgainst, vaultAt } from "../check/history.js"
import { type Place, gitPath } from "../disk/place.js"
import type { Git } from "../git/git.js"
import { contains, mergeBase } from "../git/git-merge.js"
import { commitOf } from "../git/git-objects.js"
import { VaultError } from "../words/errors.js"
import { shellWord } from "../words/shell-word.js"
import { otherVault } from "../merge/merge-vault.js"
import type { RemoteBranch } from "./remote.js"

/**
 * Refuses a remote that no longer has what this branch has from it: somebody pushed by force. A merge
 * would bring back what they took away, and to follow would set this clone back: a person decides.
 * Throws `ROLLED_BACK` if the vault fell behind by it, else `CONFLICT`.
 */
export async function refuseRewritten(
  git: Git,
  place: Place,
  { remote, tracked, name, ref }: RemoteBranch,
  { from, incoming }: { readonly from: string; readonly incoming: string },
): Promise<void> {
  const known = await commitOf(git, tracked)
  if (known === undefined || (await contains(git, incoming, known))) return
  const shared = await mergeBase(git, from, known)
  if (shared === undefined || (await contains(git, incoming, shared))) return
  const code = (await isBehind(git, place, known, incoming)) ? "ROLLED_BACK" : "CONFLICT"
  const what = code === "ROLLED_BACK" ? "and its vault was set back" : "by a push with force"
  throw new VaultError(
    code,
    `${name} no longer has commits that this branch has from it (${shared.slice(0, 12)}), ${what}`,
    {
      hint: `ask who pushed it. To bring back what was there: git push ${shellWord(remote)} ${shellWord(`+${known.slice(0, 12)}:${ref}`)}; to follow it, and drop what is here: git fetch ${shellWord(remote)} && git reset --hard ${shellWord(name)}`,
    },
  )
}

/** Whether a reader of the one commit would refuse the other, or miss something in it. */
async function isBehind(git: Git, place: Place, known: string, incoming: string): Promise<boolean> {
  const folder = gitPath(git.checkout, place.root)
  try {
    const [before, after] = await Promise.all([
      vaultAt(git, known, folder, undefined),
      vaultAt(git, incoming, folder, undefined),
    ])
    if (before.id !== after.id) throw otherVault(before, after)
    return checkAgainst(before, after).findings.length > 0
  } catch (error) {
    if (error instanceof VaultError && error.code !== "FOREIGN_VAULT") return true
    throw error
  }
}
