import { recipientOf, unseal } from "../age/age.js"
import type { Identity } from "../keys/identity.js"
import { revealPolicy } from "../policy/reveal.js"
import { type SecretRecord, digestOf, encodeRecord } from "../records/record.js"
import { inFile, openGroupKey, openPastKeys } from "../vault/group-key.js"
import { policyOf } from "../vault/policy-of.js"
import { OpenedSecret, type SecretRead, handOutOne } from "../vault/read.js"
import type { Terms } from "../vault/terms.js"
import { type Vault, findGroup, getGroup, getSecret, remember } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { groupKeyPath, secretPath } from "../words/layout.js"
import { type SecretName, parseSecretName } from "../words/names.js"
import { type PastRecord, type VaultInGit, fileIn, pastRecords, sealedIn } from "./past-records.js"

/** A value that a secret had: `stripe/api-key@3`. */
interface EarlierValue {
  readonly name: SecretName
  readonly version: number
}

/** Takes `GROUP/NAME@VERSION` apart; undefined where no version is named. Throws `NAME_INVALID`. */
export function parseEarlier(text: string): EarlierValue | undefined {
  const at = text.indexOf("@")
  if (at === -1) return undefined
  const name = parseSecretName(text.slice(0, at))
  const version = text.slice(at + 1)
  if (/^[1-9]\d{0,14}$/.test(version)) return { name, version: Number(version) }
  throw new VaultError("NAME_INVALID", "after the @ stands which value is meant, counted from 1", {
    hint: `for example ${name.full}@1; see them: agent-vault history ${name.full}`,
  })
}

/**
 * Reads a value that a secret had, as an owner. From its present, verified record on, each record
 * names the digest of the one before: so no signature has to be believed that counts no longer. The
 * value leaves as any other does, by the stricter reveal policy of then and now. Throws `NOT_OWNER`,
 * `SECRET_NOT_FOUND`, `DIGEST_MISMATCH`, `SEALED_TO_OLD_KEY`, and what a hand-out throws.
 */
export async function readEarlier(
  where: VaultInGit,
  key: Identity,
  { name, version }: EarlierValue,
  terms: Terms,
  now: Date,
): Promise<SecretRead> {
  const { vault } = where
  requireOwnersKey(vault, key, name)
  const present = getSecret(vault, name)
  const group = getGroup(vault, name.group)
  remember(vault, group)
  remember(vault, present)
  const past = await entryOf(where, name, present, version)
  const record = past.record ?? present
  if (record.source !== undefined && terms.asSealed !== true) {
    throw new VaultError(
      "USAGE",
      `${name.full}@${version} was a reference: no vault knows its value of then`,
      {
        hint: `see where it pointed: agent-vault get ${name.full}@${version} --reference`,
      },
    )
  }
  if (record.lease !== undefined && terms.asSealed !== true) {
    throw new VaultError("USAGE", `${name.full}@${version} was what leases are taken with`, {
      hint: `see it: agent-vault get ${name.full}@${version} --sealed`,
    })
  }
  const sealed = await sealedValue(where, past, record)
  const identity = await keyOf(where, key, past, record)
  const value = await inFile(secretPath(past.name), unseal(sealed, [identity]))
  const reveal = revealPolicy(present, record.reveal ?? "allow")
  const judge = await policyOf(vault)
  const then = { ...record, reveal }
  const opened = new OpenedSecret({ vault, key, name, group, record: then, value, judge })
  return handOutOne(opened, terms, now)
}

function requireOwnersKey(vault: Vault, key: Identity, { full }: SecretName): void {
  if (vault.owners.some(({ recipient }) => recipient === key.recipient)) return
  throw new VaultError("NOT_OWNER", `earlier values of ${full} are for owners`, {
    hint: `act with an owner's key (--owner, or --identity FILE); the present value: agent-vault get ${full}`,
  })
}

/** The newest record of that version in the chain that ends in the present one. */
async function entryOf(
  where: VaultInGit,
  name: SecretName,
  present: SecretRecord,
  version: number,
): Promise<PastRecord> {
  const byDigest = new Map<string, PastRecord>()
  for (const entry of await pastRecords(where, name)) {
    if (entry.digest !== undefined) byDigest.set(entry.digest, entry)
  }
  const versions = new Set<number>()
  let digest: string | undefined = digestOf(encodeRecord(present))
  while (digest !== undefined) {
    const entry = byDigest.get(digest)
    if (entry?.record === undefined) break
    if (entry.record.version === version) return entry
    versions.add(entry.record.version)
    digest = entry.record.previous
  }
  throw new VaultError("SECRET_NOT_FOUND", `${name.full} has no value ${version} in this history`, {
    hint: `it has ${[...versions].sort((a, b) => a - b).join(", ") || "none that is committed"}; see: agent-vault history ${name.full}`,
  })
}

async function sealedValue(
  where: VaultInGit,
  past: PastRecord,
  record: SecretRecord,
): Promise<Uint8Array> {
  const sealed = await sealedIn(where, past)
  if (sealed !== undefined && digestOf(sealed) === record.digest) return sealed
  const at = `${secretPath(past.name)} at ${past.by.commit.slice(0, 12)}`
  throw new VaultError("DIGEST_MISMATCH", `${at} is not the file that an owner signed`, {
    hint: "the history here has been changed, or is not whole: compare it with another clone",
  })
}

/** The group's key of that time: of those that the group had, else the one in that commit. */
async function keyOf(
  { vault, git }: VaultInGit,
  { identity }: Identity,
  { name, by, folder }: PastRecord,
  { sealedTo }: SecretRecord,
): Promise<string> {
  const group = findGroup(vault, name.group)
  if (group !== undefined) {
    const current = await openGroupKey(vault, name.group, group, [identity])
    const earlier = await openPastKeys(vault, name.group, group, [identity])
    for (const each of [current, ...earlier]) if (await isKey(each, sealedTo)) return each
  }
  const path = groupKeyPath(name.group)
  const sealed = await fileIn(git, by.commit, `${folder}/${path}`)
  if (sealed !== undefined) {
    const opened = await inFile(path, unseal(sealed, [identity]))
    const then = Buffer.from(opened).toString("utf8").trim()
    if (await isKey(then, sealedTo)) return then
  }
  throw new VaultError("SEALED_TO_OLD_KEY", `no key is here that opens ${name.full} as it was`, {
    hint: "its group was removed since, and you became an owner later: ask an owner of that time",
  })
}

async function isKey(identity: string, sealedTo: string): Promise<boolean> {
  return digestOf(await recipientOf(identity)) === sealedTo
}
