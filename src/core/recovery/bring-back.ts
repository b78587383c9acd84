import { sealWithPassphrase } from "../age/age.js"
import { lookAt } from "../disk/at-path.js"
import { type Environment, inHome } from "../disk/homes.js"
import { underHarness } from "../keys/harness.js"
import { type Key, formatKeyFile, ownerKeyFile } from "../keys/key-files.js"
import { findAnchor } from "../memory/trust.js"
import { type Confirmed, requirePerson } from "../policy/person.js"
import { type AddedKey, addKey } from "../vault/own-keys.js"
import type { Vault } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { utc } from "../words/time.js"
import { type OwnerKeyProof, proveOwnerKey, trustOf } from "./owner-key-proof.js"

/** A key that came back, to be kept on this machine. */
interface BringBackRequest {
  readonly key: Key
  /** Where it came from, for messages: `these shares`. */
  readonly shown: string
  /** Protects the key file; none when undefined. */
  readonly passphrase?: string | undefined
  readonly env: Environment
  readonly now: Date
  readonly person?: Confirmed | undefined
}

/** Refuses where an owner's key of the vault is here already. Throws `EXISTS`. */
export function refuseOwnerKeyHere(id: string, env: Environment): void {
  const file = ownerKeyFile(id, env)
  if (inHome("keys", () => lookAt(file)) === undefined) return
  throw new VaultError("EXISTS", `an owner's key of this vault is here already: ${file}`, {
    hint: "see whether it is good: agent-vault owner key; to replace it, move it away first",
  })
}

/**
 * Writes the key file of an owner anew, where it belongs, once the key is proven to open the vault, and
 * pins whom it trusts. Throws `EXISTS`, `UNCONFIRMED`, and what `proveOwnerKey` throws.
 */
export async function bringBack(
  vault: Vault,
  { key, shown, passphrase, env, now, person }: BringBackRequest,
): Promise<AddedKey & { readonly proof: OwnerKeyProof }> {
  refuseOwnerKeyHere(vault.id, env)
  const proof = await proveOwnerKey(vault, key, shown)
  requirePerson("bring back the owner's key", { under: underHarness(vault.id, env), person })
  const trust = findAnchor(vault.id, undefined, env)?.signer ?? trustOf(key, vault.id, env)
  const { identity, recipient } = key
  const whole = {
    identity,
    recipient,
    vault: vault.id,
    owner: proof.owner,
    ...(trust === undefined ? {} : { trust }),
  }
  const text = Buffer.from(formatKeyFile(whole, utc(now)))
  const content = passphrase === undefined ? text : await sealWithPassphrase(text, passphrase)
  const added = await addKey(vault, { content, key: whole, shown, env, now, person })
  return { ...added, proof }
}
