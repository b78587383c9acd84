import { refuseOtherVault } from "../keys/identity.js"
import type { Key } from "../keys/key-files.js"
import { findAnchor } from "../memory/trust.js"
import type { Environment } from "../disk/homes.js"
import type { OwnerEntry } from "../records/record.js"
import { signingKey } from "../records/signature.js"
import { openEscrow } from "../vault/escrow.js"
import { openGroupKey, openPastKeys } from "../vault/group-key.js"
import { type Vault, findAgent, getGroup, listAgents, listGroups } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"

/** What a key was proven to be, and to open. */
export interface OwnerKeyProof {
  readonly owner: string
  readonly signer: string
  /** The groups whose keys it opened, earlier keys included. */
  readonly groups: readonly string[]
  /** The agents whose escrow it opened. */
  readonly escrows: readonly string[]
  /** The agents whose keys were made elsewhere: there is no escrow to open. */
  readonly withoutEscrow: readonly string[]
}

/**
 * Whom to trust with a key that came from a backup: whoever is trusted here already, else as its file
 * says, else the owner whose key it is. That one has to have brought all others, as any anchor has.
 */
export function trustOf(key: Key, vault: string, env: Environment): string | undefined {
  if (findAnchor(vault, undefined, env) !== undefined) return undefined
  return key.trust ?? signingKey(key.identity).signer
}

/**
 * Proves that a key is a present owner's, for reading and for signing, and opens every group's key
 * and every escrow with it, in memory. `shown` says where the key came from. Throws
 * `KEY_WRONG_VAULT`, `NOT_OWNER`, and what is wrong with a file of the vault.
 */
export async function proveOwnerKey(vault: Vault, key: Key, shown: string): Promise<OwnerKeyProof> {
  refuseOtherVault(key, vault.id, shown)
  const { name, signer } = requireOwner(vault, key, shown)
  const groups = listGroups(vault)
  for (const group of groups) {
    const record = getGroup(vault, group)
    await openGroupKey(vault, group, record, [key.identity])
    await openPastKeys(vault, group, record, [key.identity])
  }
  return { owner: name, signer, groups, ...(await openEscrows(vault, key.identity)) }
}

async function openEscrows(
  vault: Vault,
  identity: string,
): Promise<Pick<OwnerKeyProof, "escrows" | "withoutEscrow">> {
  const escrows: string[] = []
  const withoutEscrow: string[] = []
  for (const agent of listAgents(vault)) {
    const record = findAgent(vault, agent)
    if (record === undefined) continue
    if (record.escrow !== undefined) await openEscrow(vault, agent, record, identity)
    ;(record.escrow === undefined ? withoutEscrow : escrows).push(agent)
  }
  return { escrows, withoutEscrow }
}

/** The present owner whose key it is, both halves of it. */
function requireOwner(vault: Vault, key: Key, shown: string): OwnerEntry {
  const own = vault.owners.find(({ recipient }) => recipient === key.recipient)
  if (own === undefined) throw new VaultError("NOT_OWNER", whoseElse(vault, key, shown), WAY_OUT)
  if (signingKey(key.identity).signer === own.signer) return own
  throw new VaultError(
    "NOT_OWNER",
    `the key in ${shown} reads as ${own.name}, and does not sign as ${own.name}`,
    WAY_OUT,
  )
}

const WAY_OUT = {
  hint: "see who the owners are: agent-vault trust; make a new backup of their key",
}

/** Why a key is no present owner's. */
function whoseElse(vault: Vault, key: Key, shown: string): string {
  const ended = vault.record.owners.find(({ recipient }) => recipient === key.recipient)
  if (ended !== undefined) {
    return `the key in ${shown} is of ${ended.name}, who was removed as an owner`
  }
  const agent = listAgents(vault).find(
    (name) => findAgent(vault, name)?.recipient === key.recipient,
  )
  if (agent !== undefined) return `the key in ${shown} is of the agent ${agent}, not of an owner`
  return vault.owners.some(({ name }) => name === key.owner)
    ? `the key in ${shown} is not the present key of ${key.owner ?? ""}: an older one, or another's`
    : `the key in ${shown} is not that of an owner of this vault`
}
