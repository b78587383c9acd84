import { sealedProblem } from "../age/age-file.js"
import { type Unlock, recipientOf, seal, unlocker, unseal } from "../age/age.js"
import { VaultError } from "../words/errors.js"
import {
  bringBack,
  groupKeyPath,
  groupPastPath,
  groupRecordPath,
  recordOfSealed,
} from "../words/layout.js"
import { type GroupRecord, type Member, type SecretRecord, digestOf } from "../records/record.js"
import type { Key } from "../keys/key-files.js"
import type { SecretName } from "../words/names.js"
import type { Vault } from "./vault.js"

/**
 * The group's identity, opened with one of `identities`. The ciphertext must be the signed one,
 * and the recipient computed from the identity must equal the signed one.
 * Throws `DIGEST_MISMATCH`, `NOT_A_READER`, `CIPHERTEXT_DAMAGED`, `RECIPIENT_MISMATCH`.
 */
export async function openGroupKey(
  vault: Vault,
  group: string,
  record: GroupRecord,
  identities: readonly string[],
): Promise<string> {
  const sealed = readSigned(vault, groupKeyPath(group), record.digest)
  const identity = text(await inFile(groupKeyPath(group), unseal(sealed, identities))).trim()
  if ((await recipientOf(identity)) === record.recipient) return identity
  throw new VaultError(
    "RECIPIENT_MISMATCH",
    `${groupKeyPath(group)} holds another key than the signed one`,
    { hint: bringBack(groupRecordPath(group), groupKeyPath(group)) },
  )
}

/** What opens the groups that were opened already, by {@link groupKeyId}. */
export type GroupKeys = Map<string, { readonly unlock: Promise<Unlock>; vault: Vault }>

/** Names a group's key, and the file that it was opened from, by what was signed for them. */
function groupKeyId({ digest, recipient }: GroupRecord): string {
  return `${digest} ${recipient}`
}

/** What opens a group's values; the group is opened once. Throws as {@link openGroupKey} does. */
export function openGroupOnce(
  vault: Vault,
  name: string,
  group: GroupRecord,
  key: Key,
  opened: GroupKeys,
): Promise<Unlock> {
  const id = groupKeyId(group)
  const before = opened.get(id)
  if (before !== undefined) {
    // The key is the same, but the file must still be the signed one.
    if (before.vault !== vault) readSigned(vault, groupKeyPath(name), group.digest)
    before.vault = vault
    return before.unlock
  }
  const unlock = openGroupKey(vault, name, group, [key.identity]).then((identity) =>
    unlocker([identity]),
  )
  opened.set(id, { unlock, vault })
  unlock.catch(() => opened.delete(id))
  return unlock
}

/** The group's earlier identities, newest first; only an owner's identity opens them. */
export async function openPastKeys(
  vault: Vault,
  group: string,
  record: GroupRecord,
  identities: readonly string[],
): Promise<readonly string[]> {
  if (record.past === undefined) return []
  const sealed = readSigned(vault, groupPastPath(group), record.past)
  const lines = text(await inFile(groupPastPath(group), unseal(sealed, identities))).split("\n")
  return lines.filter((line) => line !== "" && !line.startsWith("#"))
}

/** The group's identity, sealed to its members and the owners: an age identity file. */
export function sealGroupKey(
  identity: string,
  members: readonly Pick<Member, "recipient">[],
  owners: readonly { recipient: string }[],
): Promise<Uint8Array> {
  const recipients = new Set([...members, ...owners].map(({ recipient }) => recipient))
  return seal(Buffer.from(`${identity}\n`), [...recipients])
}

/** Earlier identities, newest first, sealed to the owners. */
export function sealPastKeys(
  identities: readonly string[],
  owners: readonly { recipient: string }[],
): Promise<Uint8Array> {
  return seal(
    Buffer.from(`${identities.join("\n")}\n`),
    owners.map(({ recipient }) => recipient),
  )
}

/** Reads a ciphertext whose digest a record signs. Throws `DIGEST_MISMATCH`. */
export function readSigned(vault: Vault, path: string, digest: string): Uint8Array {
  const bytes = vault.files.read(path)
  if (bytes !== undefined && digestOf(bytes) === digest) return bytes
  throw new VaultError("DIGEST_MISMATCH", `${path} ${whyNotSigned(bytes)}`, {
    hint: bringBack(recordOfSealed(path), path),
  })
}

function whyNotSigned(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return "is missing"
  return sealedProblem(bytes) ?? "is not the file that an owner signed"
}

/** Names the file in an error of age, which knows only bytes. */
export async function inFile<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof VaultError) || error.code === "RUNTIME_UNSUPPORTED") throw error
    throw new VaultError(error.code, `${path}: ${error.message}`, {
      hint: error.hint ?? "see: agent-vault check",
      cause: error,
    })
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8")
}

/** Throws `SEALED_TO_OLD_KEY` for a secret that is sealed to another key than its group has now. */
export function refuseOldKey(name: SecretName, secret: SecretRecord, group: GroupRecord): void {
  if (secret.sealedTo === digestOf(group.recipient)) return
  throw new VaultError(
    "SEALED_TO_OLD_KEY",
    `${name.full} is sealed to an earlier key of ${name.group}`,
    {
      hint: "it was set while the group was rekeyed elsewhere; an owner repairs it: agent-vault apply",
    },
  )
}
