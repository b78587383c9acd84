import { join } from "node:path"
import { lookAt } from "../disk/at-path.js"
import { type Mixing, mixing } from "../disk/in-progress.js"
import type { Checkout, Place } from "../disk/place.js"
import { checkoutAround } from "../git/git.js"

/** What git may be in the middle of when files are in conflict; `nothing` while a stash is popped. */
export type InProgress = Mixing | "squash" | "nothing"

/** What git is in the middle of. */
export function whatIsInProgress({ gitFolder }: Checkout): InProgress {
  const isSquash = lookAt(join(gitFolder, "SQUASH_MSG")) !== undefined
  return mixing(gitFolder) ?? (isSquash ? "squash" : "nothing")
}

/** The work tree around a vault. Throws `NO_REPOSITORY`. */
export function requireCheckout(place: Place): Checkout {
  const hint =
    "bring a new copy of the vault here instead: only a clone of its repository is merged"
  return checkoutAround(place, hint)
}
