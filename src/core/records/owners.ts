import { kindOfRecipient } from "../age/age.js"
import { VaultError } from "../words/errors.js"
import { VAULT_RECORD, bringBack } from "../words/layout.js"
import {
  type AgentRecord,
  type GroupRecord,
  type OwnerEntry,
  type VaultDocument,
  type VaultRecord,
  checkSignature,
  digestOf,
  encodeRecord,
} from "./record.js"
import { type Signable, type SigningKey, type Verifier, verifier } from "./signature.js"

/** What a reader knew of the owners when it last accepted a vault.json. */
export interface KnownOwners {
  readonly serial: number
  readonly signers: readonly string[]
}

/** An owner to add: the entry less what the adder's signature brings. */
type NewOwner = Pick<OwnerEntry, "name" | "recipient" | "signer" | "since">

/** The entry of a new owner, signed by the owner whose key is `by`. */
export function signOwner(vault: string, owner: NewOwner, by: SigningKey): OwnerEntry {
  const entry = { ...owner, by: by.signer }
  return { ...entry, signature: by.sign("owner", addition(vault, entry)) }
}

/** The entry of an owner who was removed with serial `until` of vault.json. */
export function endOwner(
  vault: string,
  entry: OwnerEntry,
  until: number,
  by: SigningKey,
): OwnerEntry {
  const signature = by.sign("owner-end", removal(vault, entry, until, by.signer))
  return { ...entry, ended: { until, by: by.signer, signature } }
}

/**
 * The member by which a record says that something is sealed to every owner who has not ended. Where
 * that is the first owner alone, it says nothing.
 */
export function sealedToOwners(
  entries: readonly OwnerEntry[],
): Pick<GroupRecord, "sealedToOwners"> {
  const signers = entries.filter(({ ended }) => ended === undefined).map(({ signer }) => signer)
  const isFirstAlone = signers.length === 1 && signers[0] === entries[0]?.signer
  return { sealedToOwners: isFirstAlone ? undefined : signers }
}

/** The members by which an agent's record says that, and who had been removed when it was sealed. */
export function escrowOwners(
  entries: readonly OwnerEntry[],
): Pick<AgentRecord, "sealedToOwners" | "removedOwners"> {
  const removed = entries.filter(({ ended }) => ended !== undefined).map(({ signer }) => signer)
  return { ...sealedToOwners(entries), removedOwners: removed.length === 0 ? undefined : removed }
}

/** The signers of the owners whom something is sealed to, as a record says by {@link sealedToOwners}. */
export function ownersOf(
  { sealedToOwners: named }: Pick<GroupRecord, "sealedToOwners">,
  entries: readonly OwnerEntry[],
): readonly string[] {
  return named ?? entries.slice(0, 1).map(({ signer }) => signer)
}

/** What verifies by whoever is an owner, or was one, by signer. */
export function everyVerifier({ owners }: VaultRecord): ReadonlyMap<string, Verifier> {
  return new Map(owners.map(({ signer }) => [signer, verifier(signer)]))
}

/** What an owner is called, who may have been removed; of a stranger the signer itself. */
export function ownerName(signer: string, entries: readonly OwnerEntry[]): string {
  return entries.find((entry) => entry.signer === signer)?.name ?? signer
}

/**
 * Walks the chain of owners: one first owner who added itself, and every other entry signed by
 * an owner of that time. Returns the owners who have not ended. Throws `SIGNATURE_INVALID`,
 * `RECORD_INVALID`, `KEYS_MIXED`.
 */
export function verifyOwners(
  record: VaultRecord,
  verifiers = everyVerifier(record),
): readonly OwnerEntry[] {
  const bySigner = new Map(record.owners.map((entry) => [entry.signer, entry]))
  if (bySigner.size !== record.owners.length) throw malformed("a signer is listed twice")

  for (const [index, entry] of record.owners.entries()) {
    const isFirst = index === 0
    if (isFirst !== (entry.by === entry.signer)) {
      throw malformed(`the entry of ${entry.name} starts no chain`)
    }
    checkAddition(record, entry, bySigner.get(entry.by), isFirst, verifiers)
    if (entry.ended !== undefined) checkRemoval(record, entry, bySigner, verifiers)
    checkKind(record, entry)
  }

  const active = record.owners.filter((entry) => entry.ended === undefined)
  if (active.length === 0) throw malformed("no owner is left")
  if (new Set(active.map(({ name }) => name.toLowerCase())).size !== active.length) {
    throw malformed("two owners have the same name")
  }
  return active
}

/** What was verified of a vault.json that agrees with itself: its bytes alone decide it. */
interface VerifiedOwners {
  /** The owners who have not ended. */
  readonly owners: readonly OwnerEntry[]
  /** By signer, also of those who have ended: theirs refuse. */
  readonly verifiers: ReadonlyMap<string, Verifier>
  /** The digest of the record, as a file name may have it. */
  readonly owned: string
}

/** A process that reads opens its vault again and again: the same record was verified before. */
const ownersOfRecord = new WeakMap<VaultRecord, VerifiedOwners>()

/** The owners of a vault.json that agrees with itself. Throws as {@link verifyOwners} does. */
export function verifiedOwners(record: VaultRecord): VerifiedOwners {
  const before = ownersOfRecord.get(record)
  if (before !== undefined) return before
  const every = everyVerifier(record)
  const owners = verifyOwners(record, every)
  const ended = record.owners.filter((entry) => entry.ended !== undefined)
  const verifiers = new Map([
    ...every,
    ...ended.map((each) => [each.signer, refuser(each)] as const),
  ])
  checkSignature(record, verifiers)
  const owned = digestOf(encodeRecord(record)).replace(":", "-")
  const verified = { owners, verifiers, owned }
  ownersOfRecord.set(record, verified)
  return verified
}

/** Refuses whatever a removed owner signed: nothing tells whether it was before they were removed. */
function refuser({ name }: OwnerEntry): Verifier {
  return (_kind, body) => {
    const { path } = body as unknown as VaultDocument
    const message = `${path} is signed by ${name}, who was removed as an owner`
    const hint = `take back the commits in which ${name} changed it (git log, git revert COMMIT), and have a present owner make the change`
    throw new VaultError("SIGNATURE_INVALID", message, { hint })
  }
}

/**
 * Accepts the owners of a vault.json that is newer than the one known: each must have been known,
 * or added later by an owner who is accepted. A removed owner can still sign, and date an entry
 * back: that is what this refuses. Throws `UNTRUSTED`.
 */
export function acceptOwners(record: VaultRecord, known: KnownOwners): void {
  const accepted = new Set(known.signers)
  const additions = record.owners.filter(({ since }) => since > known.serial)
  for (const entry of additions.sort((a, b) => a.since - b.since)) {
    if (accepted.has(entry.by)) accepted.add(entry.signer)
  }
  const stranger = record.owners.find((entry) => !entry.ended && !accepted.has(entry.signer))
  if (stranger === undefined) return
  throw new VaultError(
    "UNTRUSTED",
    `${stranger.name} (${stranger.signer}) is listed as an owner, but no owner you knew added them`,
    { hint: "compare with the owner you trust; a deliberate reset: agent-vault trust --rewind" },
  )
}

function checkAddition(
  record: VaultRecord,
  entry: OwnerEntry,
  adder: OwnerEntry | undefined,
  isFirst: boolean,
  verifiers: ReadonlyMap<string, Verifier>,
): void {
  if (adder === undefined) throw forged(entry, "nobody in the list added it")
  if (isFirst && entry.since !== 1) throw malformed("the first owner was not there first")
  const adderEnd = adder.ended?.until ?? Infinity
  if (!isFirst && (entry.since <= adder.since || entry.since >= adderEnd)) {
    throw forged(entry, `${adder.name} was not an owner then`)
  }
  if (entry.since > record.serial) throw malformed(`the entry of ${entry.name} is from the future`)
  const body = addition(record.vault, entry)
  if (verifiers.get(adder.signer)?.("owner", body, entry.signature) !== true) {
    throw forged(entry, "its signature is not valid")
  }
}

function checkRemoval(
  record: VaultRecord,
  entry: OwnerEntry,
  bySigner: ReadonlyMap<string, OwnerEntry>,
  verifiers: ReadonlyMap<string, Verifier>,
): void {
  if (entry.ended === undefined) return
  const { until, by, signature } = entry.ended
  const remover = bySigner.get(by)
  if (remover === undefined) throw forged(entry, "nobody in the list removed it")
  if (until <= entry.since || until > record.serial) {
    throw malformed(`${entry.name} ended at no time`)
  }
  if (until <= remover.since || until > (remover.ended?.until ?? Infinity)) {
    throw forged(entry, `${remover.name} was not an owner when it removed it`)
  }
  const body = removal(record.vault, entry, until, by)
  if (verifiers.get(by)?.("owner-end", body, signature) !== true) {
    throw forged(entry, "the signature of its end is not valid")
  }
}

function checkKind(record: VaultRecord, entry: OwnerEntry): void {
  if (kindOfRecipient(entry.recipient) !== record.keys) {
    throw new VaultError("KEYS_MIXED", `the key of ${entry.name} is not of the vault's kind`, {
      hint: "a vault is classic or post-quantum, never both",
    })
  }
}

function addition(vault: string, entry: Omit<OwnerEntry, "signature" | "ended">): Signable {
  const { name, recipient, signer, since, by } = entry
  return { vault, name, recipient, signer, since, by }
}

function removal(vault: string, entry: OwnerEntry, until: number, by: string): Signable {
  return { vault, signer: entry.signer, since: entry.since, until, by }
}

function malformed(why: string): VaultError {
  return new VaultError("RECORD_INVALID", `vault.json is not a valid record: ${why}`, {
    hint: bringBack(VAULT_RECORD),
  })
}

function forged(entry: OwnerEntry, why: string): VaultError {
  return new VaultError("SIGNATURE_INVALID", `the owner ${entry.name} is not genuine: ${why}`, {
    hint: "somebody without an owner's key changed vault.json; bring it back with git",
  })
}
