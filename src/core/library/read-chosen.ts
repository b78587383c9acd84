import { type SecretListing, describeSecret } from "../vault/listing.js"
import { admitReader } from "../vault/refusals.js"
import { verifyAhead } from "../memory/verify-ahead.js"
import { secretRecordPath } from "../words/layout.js"
import { type Vault, getGroup, listSecrets } from "../vault/vault.js"
import { parseGroupName, parseSecretName } from "../words/names.js"
import { attempted } from "../words/system-error.js"
import { SecretValue } from "../words/secret-value.js"
import { refuseOwnersKey } from "./open-vault.js"
import { Reader, type ReaderRequest } from "./reader.js"

/** What a vault tells of its secrets to an agent that chooses among them. Nothing is decrypted. */
export interface SecretListings {
  /** The secrets of a group. Throws `GROUP_NOT_FOUND`. */
  list(group: string): Promise<readonly SecretListing[]>
  /** A secret that the agent may read. Throws as a read does where it may not. */
  describe(name: string): SecretListing | Promise<SecretListing>
}

/**
 * Reads, as an agent, the secrets that `choose` names by what the vault tells of them: all from one
 * state of the vault, which is verified once for both. If the vault changes meanwhile, `choose` is
 * asked again. Values by their names; for who reads once and goes. Throws as `openVaultAs()` and
 * `getMany()` do; nothing is read then.
 */
export async function readChosen(
  request: ReaderRequest,
  vault: string,
  choose: (listings: SecretListings) => Promise<readonly string[]>,
): Promise<Readonly<Record<string, SecretValue>>> {
  const reader = new Reader(request, vault)
  try {
    const reads = await reader.choose(async (opened) => {
      refuseOwnersKey(opened, request.key)
      const names = await choose(listingsIn(opened, request))
      return [...new Set(names)].map(parseSecretName)
    })
    request.audit.close()
    const values = reads.map(({ name, record, value }) => {
      return new SecretValue(name.full, record.version, value)
    })
    return Object.fromEntries(values.map((value) => [value.name, value]))
  } catch (error) {
    // A refusal that was noted and is not on the disk stays one.
    attempted(() => {
      request.audit.close()
    })
    throw error
  } finally {
    reader.end()
  }
}

function listingsIn(vault: Vault, request: ReaderRequest): SecretListings {
  const now = new Date()
  return {
    async list(group) {
      getGroup(vault, parseGroupName(group))
      const names = listSecrets(vault, group)
      await verifyAhead(vault, names.map(secretRecordPath))
      return names.map((name) => describeSecret(vault, name))
    },
    describe(name) {
      const parsed = parseSecretName(name)
      admitReader(vault, { key: request.key, name: parsed, now, terms: request })
      return describeSecret(vault, parsed)
    },
  }
}
