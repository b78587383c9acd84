import type { Environment } from "../disk/homes.js"
import { ownerKeyFile } from "../keys/key-files.js"
import { holdsKeyOf } from "../keys/kept-key-files.js"
import { ownerFingerprint } from "../records/join-line.js"
import { type Vault } from "./vault.js"

/** An owner of a vault, as anyone may know them. */
export interface OwnerListing {
  readonly name: string
  readonly recipient: string
  readonly signer: string
  /** What two people compare, to see that recipient and signer are those that were made. */
  readonly fingerprint: string
  /** The serial of vault.json that brought this owner. */
  readonly since: number
  /** Who added them; absent for the first owner. */
  readonly by?: string
  /** Whether it is the owner who asks: by the key that acts, or by the owner's key of this machine. */
  readonly isYou: boolean
}

/**
 * The owners of a vault who have not ended, in the order in which they came. `recipient` is that of
 * the key that acts, if one does; a key file that a passphrase keeps is nobody's, as long as it is not
 * asked for.
 */
export function describeOwners(
  vault: Vault,
  recipient: string | undefined,
  env: Environment,
): Promise<OwnerListing[]> {
  const file = ownerKeyFile(vault.id, env)
  const names = new Map(vault.record.owners.map(({ signer, name }) => [signer, name]))
  return Promise.all(
    vault.owners.map(async (owner) => {
      const { name, signer, since } = owner
      const by = owner.by === signer ? undefined : names.get(owner.by)
      return {
        name,
        recipient: owner.recipient,
        signer,
        fingerprint: ownerFingerprint(owner),
        since,
        ...(by === undefined ? {} : { by }),
        isYou:
          recipient === undefined
            ? (await holdsKeyOf(file, owner.recipient)) === true
            : recipient === owner.recipient,
      }
    }),
  )
}
