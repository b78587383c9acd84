import { VaultError } from "../words/errors.js"
import { asVaultError } from "../words/system-error.js"
import { type MaybeUnfinished, withUnfinished } from "../words/unfinished.js"
import { type Git, openGit } from "../git/git.js"
import type { Environment } from "../disk/homes.js"
import { completeJournal } from "./journal.js"
import { removeLeftovers } from "./leftovers.js"
import { withLock } from "./lock.js"
import { type Restored, restoreObjects } from "./restore-objects.js"
import { type Checkout, findCheckout, findVault, gitPath } from "../disk/place.js"

/** What {@link repair} found, and did about it. */
interface Repaired extends Restored, MaybeUnfinished {
  /** What became of a change that an interrupted command left. */
  readonly change: "nothing" | "discarded" | "completed"
}

/**
 * Completes or discards what an interrupted command left in the work tree around `folder`, a vault
 * that is not in the work tree yet included; removes what stands in the way; gives Git what it lacks
 * of the vault. Needs no key. Throws `NO_REPOSITORY`, `LOCKED`.
 */
export function repair(folder: string, env: Environment): Promise<Repaired> {
  return withLock(checkoutOf(folder).gitFolder, async () => {
    // Looked for again under the lock: the branch may have changed while we waited.
    const git = await openGit(checkoutOf(folder), env)
    await removeLeftovers(git)
    const change = await completeJournal(git)
    try {
      const vault = vaultFolder(git, folder)
      return { change, ...(vault === undefined ? NONE : await restoreObjects(git, vault)) }
    } catch (error) {
      return withUnfinished<Repaired>({ change, ...NONE }, asVaultError(error))
    }
  })
}

const NONE: Restored = { restored: [], lost: [] }

/** The folder of the vault from the top; undefined where there is none. */
function vaultFolder({ checkout }: Git, folder: string): string | undefined {
  try {
    return gitPath(checkout, findVault(folder).root)
  } catch (error) {
    if (VaultError.is(error, "NO_VAULT")) return undefined
    throw error
  }
}

function checkoutOf(folder: string): Checkout {
  const checkout = findCheckout(folder)
  if (checkout !== undefined) return checkout
  throw new VaultError("NO_REPOSITORY", `${folder} is in no Git work tree: nothing to repair`)
}
