import { join } from "node:path"
import { FileTurn } from "../disk/file-turn.js"
import { type Environment, inHome, stateHome } from "../disk/homes.js"

/** How long whoever has the turn is waited for, in ms; a person may be unlocking a keychain. */
const PATIENCE_MS = 3000

/**
 * Does work on the owner's key of a vault, in its file and in the keychain: one process of this user's
 * at a time. The turn lies in the state folder, and nothing beside the key. Rejects with `LOCKED`,
 * `NO_ACCESS`.
 */
export async function inTurnOfOwnerKey<T>(
  vault: string,
  env: Environment,
  work: () => Promise<T>,
): Promise<T> {
  const file = join(stateHome(env), vault, "owner-key")
  const turn = inHome("state", () => new FileTurn(file))
  try {
    return await turn.takeLong(work, PATIENCE_MS)
  } finally {
    turn.end()
  }
}
