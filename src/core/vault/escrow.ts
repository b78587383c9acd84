import { recipientOf, seal, unseal } from "../age/age.js"
import { VaultError } from "../words/errors.js"
import { inFile, readSigned } from "./group-key.js"
import type { Key } from "../keys/key-files.js"
import { agentRecordPath, bringBack, escrowPath } from "../words/layout.js"
import { parseAgentName } from "../words/names.js"
import type { AgentRecord } from "../records/record.js"
import { type Confirmed, requirePerson } from "../policy/person.js"
import { commonAnchor } from "../memory/trust.js"
import { type Vault, getAgent } from "./vault.js"

/** The escrow of an agent: its identity line, sealed to the owners. */
export function sealEscrow(
  identity: string,
  owners: readonly { readonly recipient: string }[],
): Promise<Uint8Array> {
  return seal(
    Buffer.from(`${identity}\n`),
    owners.map(({ recipient }) => recipient),
  )
}

/**
 * The identity in an agent's escrow; what is in it must be the key of the signed record.
 * Throws `NO_ESCROW`, `DIGEST_MISMATCH`, `NOT_A_READER`, `RECIPIENT_MISMATCH`.
 */
export async function openEscrow(
  vault: Vault,
  agent: string,
  record: AgentRecord,
  ownerIdentity: string,
): Promise<string> {
  const path = escrowPath(agent)
  if (record.escrow === undefined) {
    throw new VaultError("NO_ESCROW", `the key of ${agent} was made elsewhere: there is no copy`, {
      hint: `give it a new one: agent-vault agent rekey ${agent}`,
    })
  }
  const sealed = readSigned(vault, path, record.escrow)
  const identity = Buffer.from(await inFile(path, unseal(sealed, [ownerIdentity])))
    .toString("utf8")
    .trim()
  if ((await recipientOf(identity)) === record.recipient) return identity
  throw new VaultError("RECIPIENT_MISMATCH", `${path} holds another key than the signed one`, {
    hint: bringBack(agentRecordPath(agent), path),
  })
}

/**
 * The original key of an agent, out of its escrow, with what a key file says of it verified. Throws
 * `NOT_OWNER`, `UNCONFIRMED`, and what {@link openEscrow} throws.
 */
export async function recoverAgent(
  vault: Vault,
  agent: string,
  owner: Key,
  person?: Confirmed,
): Promise<Key> {
  const own = vault.owners.find(({ recipient }) => recipient === owner.recipient)
  if (own === undefined) {
    throw new VaultError("NOT_OWNER", "only an owner's key opens an escrow", {
      hint: "run this where the owner's key is, without AGENT_VAULT_AGENT and the like",
    })
  }
  const record = getAgent(vault, parseAgentName(agent))
  requirePerson(`bring the key of ${agent} out of its escrow`, { under: owner.under, person })
  const identity = await openEscrow(vault, agent, record, owner.identity)
  const recipient = await recipientOf(identity)
  return {
    identity,
    recipient,
    vault: vault.id,
    agent,
    trust: (commonAnchor(vault.record.owners) ?? own).signer,
  }
}
