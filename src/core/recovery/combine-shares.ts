import { identityOf, recipientOf } from "../age/age.js"
import type { KeyKind } from "../age/age.js"
import type { Key } from "../keys/key-files.js"
import type { OwnerEntry } from "../records/record.js"
import { signingKey } from "../records/signature.js"
import { VaultError } from "../words/errors.js"
import { joinParts } from "./secret-sharing.js"
import type { Share } from "./share.js"

/** What is known of a vault before it is trusted: the kind of its keys, and all owners it ever had. */
export interface ClaimedOwners {
  readonly vault: string
  readonly keys: KeyKind
  readonly owners: readonly Pick<OwnerEntry, "name" | "recipient" | "signer">[]
}

/**
 * The key that shares give, if it is one that the vault knows, of a removed owner too. Throws
 * `KEY_WRONG_VAULT`, `SHARES_INVALID`.
 */
export async function combineShares(
  shares: readonly Share[],
  { vault, keys, owners }: ClaimedOwners,
): Promise<Key> {
  const identity = identityOf(keys, await requireOneSet(shares, vault))
  const recipient = await recipientOf(identity)
  const owner = shares[0]?.owner ?? ""
  // X25519 ignores five bits of an identity (RFC 7748, section 5), which the signing key is made of too.
  const { signer } = signingKey(identity)
  if (owners.some((each) => each.recipient === recipient && each.signer === signer)) {
    return { identity, recipient, vault, owner }
  }
  throw invalid(
    `these shares do not give a key of ${owner}: one of them is altered, or the key is not in this vault`,
    "bring the newest state (git pull); try other shares of the set in place of each of these",
  )
}

/**
 * The bytes that shares give, who must be of one set and enough. Where there are more than needed, all
 * are proven to belong together, so that any of them would do. Throws `KEY_WRONG_VAULT`,
 * `SHARES_INVALID`.
 */
export async function requireOneSet(shares: readonly Share[], vault: string): Promise<Uint8Array> {
  const [first] = shares
  if (first === undefined) throw invalid("there are no shares", "give them")
  for (const [at, share] of shares.entries()) refuseMisfit(share, shares.slice(0, at), vault)
  const { threshold, set, owner } = first
  if (shares.length < threshold) {
    throw invalid(
      `${shares.length} of the ${threshold} shares that are needed are here: ${holdersOf(shares)}`,
      `ask other holders of the set ${set} of ${owner}'s key`,
    )
  }
  const enough = shares.slice(0, threshold)
  const secret = await joinParts(enough.map(({ part }) => part))
  if (secret === undefined) throw altered(enough)
  for (const further of shares.slice(threshold)) {
    // With all but one of them it gives the same only if it lies on the same curve.
    const instead = [...enough.slice(1), further]
    const same = await joinParts(instead.map(({ part }) => part))
    if (same === undefined || !Buffer.from(same).equals(secret)) throw altered(shares)
  }
  return secret
}

/** Refuses a share that others do not take in. Throws `KEY_WRONG_VAULT`, `SHARES_INVALID`. */
export function refuseMisfit(share: Share, others: readonly Share[], vault: string): void {
  refuseStranger(share, others[0] ?? share, vault)
  refuseDoubled(share, others)
}

function refuseStranger(share: Share, first: Share, vault: string): void {
  if (share.vault !== vault) {
    throw new VaultError(
      "KEY_WRONG_VAULT",
      `the share of ${share.holder} is for the vault ${share.vault}`,
      { hint: `this vault is ${vault}: go to the clone that the shares are of, or give its --dir` },
    )
  }
  const isSame =
    share.set === first.set &&
    share.owner === first.owner &&
    share.threshold === first.threshold &&
    share.count === first.count
  if (isSame) return
  throw invalid(
    `these are shares of two sets: ${nameOf(first)}, and ${nameOf(share)}`,
    "only shares of one set give a key: the set stands in each",
  )
}

function refuseDoubled(share: Share, others: readonly Share[]): void {
  const other = others.find(
    ({ holder, part }) => holder === share.holder || part.at(-1) === share.part.at(-1),
  )
  if (other === undefined) return
  throw invalid(
    other.holder === share.holder
      ? `the share of ${share.holder} is given twice`
      : `the shares of ${other.holder} and ${share.holder} are one share`,
    "give each share once",
  )
}

function altered(shares: readonly Share[]): VaultError {
  return invalid(
    `the shares of ${holdersOf(shares)} do not belong together: one of them is altered`,
    "leave out one after the other: the key is right where the vault knows it",
  )
}

function nameOf({ holder, owner, set }: Share): string {
  return `${holder}'s of the set ${set} of ${owner}'s key`
}

function holdersOf(shares: readonly Share[]): string {
  return shares.map(({ holder }) => holder).join(", ")
}

function invalid(message: string, hint: string): VaultError {
  return new VaultError("SHARES_INVALID", message, { hint })
}
