import { FolderFiles } from "../disk/files.js"
import type { Place } from "../disk/place.js"
import { noMemory } from "../memory/memory.js"
import { verifyVault } from "../vault/vault.js"
import type { ClaimedOwners } from "./combine-shares.js"

/** What a vault says of its owners. It agrees with itself; whether it is genuine is not known yet. */
export function claimedOwners(place: Place): ClaimedOwners {
  const { record } = verifyVault(new FolderFiles(place.root), noMemory())
  return { vault: record.vault, keys: record.keys, owners: record.owners }
}
