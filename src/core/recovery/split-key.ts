import { randomBytes } from "node:crypto"
import { identityBytes } from "../age/age.js"
import type { Key } from "../keys/key-files.js"
import { type Confirmed, requirePerson } from "../policy/person.js"
import type { Vault } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { foldedCollision, parseOwnerName } from "../words/names.js"
import { requireOneSet } from "./combine-shares.js"
import { proveOwnerKey } from "./owner-key-proof.js"
import { splitSecret } from "./secret-sharing.js"
import type { Share } from "./share.js"

/** How a key is to be split. */
interface SplitRequest {
  readonly threshold: number
  readonly holders: readonly string[]
  readonly person?: Confirmed | undefined
}

/** As many as Shamir's scheme over bytes has numbers for. */
const MOST_HOLDERS = 255

/** Checks how many shares, for whom. Throws `USAGE`, `NAME_INVALID`. */
export function checkSplit({ threshold, holders }: SplitRequest): void {
  for (const [at, holder] of holders.entries()) {
    parseOwnerName(holder)
    const before = holders.slice(0, at)
    if (before.includes(holder)) throw wrong(`${holder} would get two shares`)
    const other = foldedCollision(holder, before)
    if (other !== undefined) throw wrong(`${holder} and ${other} are one holder`)
  }
  if (holders.length > MOST_HOLDERS) throw wrong(`there are more than ${MOST_HOLDERS} holders`)
  if (!Number.isSafeInteger(threshold)) {
    throw wrong("how many shares give the key is not said, or not a number: --threshold K")
  }
  if (threshold < 2) throw wrong("one share must not be enough: the threshold is 2 at least")
  if (threshold > holders.length) {
    throw wrong(`${threshold} shares are needed, and there are ${holders.length} holders`)
  }
}

/**
 * Splits an owner's key into a new set of shares, one for each holder: any `threshold` of them give the
 * key, fewer tell nothing. Changes nothing, in the vault or on this machine; earlier sets stay good.
 * Throws `USAGE`, `NOT_OWNER`, `UNCONFIRMED`.
 */
export async function splitKey(vault: Vault, key: Key, request: SplitRequest): Promise<Share[]> {
  checkSplit(request)
  const { owner } = await proveOwnerKey(vault, key, "use")
  requirePerson("split the owner's key", { under: key.under, person: request.person })
  const { threshold, holders } = request
  const secret = identityBytes(key.identity)
  const parts = await splitSecret(secret, holders.length, threshold)
  const set = randomBytes(4).toString("hex")
  const named = { vault: vault.id, owner, threshold, count: holders.length, set }
  const shares = holders.map((holder, at) => ({
    ...named,
    holder,
    part: parts[at] ?? new Uint8Array(),
  }))
  // A set that does not bring the key back is worse than none.
  const back = await requireOneSet(shares, vault.id)
  if (!Buffer.from(back).equals(secret)) throw new VaultError("BUG", "the shares give another key")
  return shares
}

function wrong(message: string): VaultError {
  return new VaultError("USAGE", message, { hint: "agent-vault help owner recovery split" })
}
