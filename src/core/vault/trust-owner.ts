import type { Environment } from "../disk/homes.js"
import type { Place } from "../disk/place.js"
import { type AskPassphrase, agentKeyFile, localAgents, ownerKeyFile } from "../keys/key-files.js"
import { setKeyFileTrust } from "../keys/key-file-trust.js"
import { inTurnOfOwnerKey } from "../keys/key-turn.js"
import type { Confirmed } from "../policy/person.js"
import { VaultError } from "../words/errors.js"
import { type MaybeUnfinished, withUnfinished } from "../words/unfinished.js"
import { claimedId } from "./open.js"
import { pinOwner } from "./pin.js"

/** Whom a machine trusts from now on. */
export interface TrustMoved extends MaybeUnfinished {
  /** The key files of this machine that named another owner. */
  readonly keyFiles: readonly string[]
}

/**
 * Pins an owner as the one to trust, and has the key files of this machine name them, since all that
 * say whom to trust must agree. A key file that cannot be written is told in `unfinished`. Throws
 * `UNTRUSTED`, `UNCONFIRMED`.
 */
export async function trustOwner(
  place: Place,
  signer: string,
  env: Environment,
  ask: AskPassphrase,
  person?: Confirmed,
): Promise<TrustMoved> {
  pinOwner(place, signer, env, person)
  const vault = claimedId(place)
  const agents = localAgents(vault, env).map((agent) => agentKeyFile(vault, agent, env))
  const keyFiles: string[] = []
  const unfinished: VaultError[] = []
  for (const file of [ownerKeyFile(vault, env), ...agents]) {
    try {
      const setTrust = () => setKeyFileTrust(file, signer, ask)
      if (await inTurnOfOwnerKey(vault, env, setTrust)) keyFiles.push(file)
    } catch (error) {
      if (VaultError.is(error, "KEY_NOT_FOUND")) continue
      if (!VaultError.is(error)) throw error
      const message = `${file} may still trust another owner: ${error.message}`
      const hint = `once that is mended: agent-vault trust ${signer}`
      unfinished.push(new VaultError(error.code, message, { hint, cause: error }))
    }
  }
  return withUnfinished<TrustMoved>({ keyFiles }, ...unfinished)
}
