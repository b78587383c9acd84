import { VaultError } from "../words/errors.js"
import { openGit } from "../git/git.js"
import type { Environment } from "../disk/homes.js"
import { completeJournal } from "./journal.js"
import { withLock } from "./lock.js"
import { type Checkout, findCheckout } from "../disk/place.js"

/**
 * Completes or discards what an interrupted command left in the work tree around `folder`, a vault
 * that is not in the work tree yet included. Needs no key. Throws `NO_REPOSITORY`, `LOCKED`.
 */
export function repair(
  folder: string,
  env: Environment,
): Promise<"nothing" | "discarded" | "completed"> {
  // Looked for again under the lock: the branch may have changed while we waited.
  return withLock(checkoutOf(folder).gitFolder, async () =>
    completeJournal(await openGit(checkoutOf(folder), env)),
  )
}

function checkoutOf(folder: string): Checkout {
  const checkout = findCheckout(folder)
  if (checkout !== undefined) return checkout
  throw new VaultError("NO_REPOSITORY", `${folder} is in no Git work tree: nothing to repair`)
}
