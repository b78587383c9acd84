import { type SecretRecord } from "../records/record.js"
import { type SecretMetadata, SECRET_FIELDS } from "../records/secret-metadata.js"
import { isSameRotation } from "../records/rotation.js"
import { isSameLease } from "../records/lease.js"
import { isSameSource } from "../records/source.js"
import { areSameUses } from "../records/use.js"
import type { Environment } from "../disk/homes.js"
import { type Place, gitPath } from "../disk/place.js"
import { openGit } from "../git/git.js"
import { type Vault, listSecrets, notFound } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { parseSecretName } from "../words/names.js"
import type { Progress } from "../words/progress.js"
import { type PastRecord, type VaultInGit, pastRecords } from "./past-records.js"

/** What a commit did to a secret. */
export interface SecretEvent {
  /** What the secret was called then. */
  readonly name: string
  readonly is: "set" | "described" | "sealed anew" | "moved" | "removed" | "unsigned"
  /** Of its record: which value, and which change of the record. */
  readonly version?: number
  readonly serial?: number
  /** What is known of it, and changed: the names of fields, `use`, `rotation`, `source` and `lease`. */
  readonly fields: readonly string[]
  /** What it was called before, where it was moved. */
  readonly from?: string
  /** The owner who signed the record. */
  readonly owner?: string
  readonly commit: string
  /** When, as Git says it: UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly at: string
  /** Who, as Git says it, which nobody signs. */
  readonly author: string
}

/**
 * Who changed a secret, what and when, newest first: from the signed records in Git's history, under
 * the names that it had before too. Removed secrets have one as well. Throws `SECRET_NOT_FOUND`,
 * `NO_REPOSITORY`.
 */
export async function secretHistory(
  vault: Vault,
  place: Place,
  name: string,
  env: Environment,
  onProgress?: Progress,
): Promise<readonly SecretEvent[]> {
  const parsed = parseSecretName(name)
  const past = await pastRecords(await inGit(vault, place, env), parsed, onProgress)
  if (past.length === 0) {
    const others = listSecrets(vault).map(({ full }) => full)
    throw notFound("SECRET_NOT_FOUND", "secret", name, others)
  }
  return past.map((entry, index) => eventOf(vault, entry, past[index + 1]))
}

/** A vault with the git of its repository. Throws `NO_REPOSITORY`. */
export async function inGit(vault: Vault, place: Place, env: Environment): Promise<VaultInGit> {
  if (place.checkout === undefined) {
    throw new VaultError("NO_REPOSITORY", `${place.root} lies in no Git work tree`, {
      hint: "the history of a vault is in a clone of its repository",
    })
  }
  const git = await openGit(place.checkout, env)
  return { vault, git, folder: gitPath(place.checkout, place.root) }
}

function eventOf(vault: Vault, entry: PastRecord, before: PastRecord | undefined): SecretEvent {
  const { by, name, record, digest } = entry
  const common = { name: name.full, ...by, fields: [] }
  if (record === undefined) return { ...common, is: digest === undefined ? "removed" : "unsigned" }
  const { version, serial } = record
  const owner = vault.record.owners.find(({ signer }) => signer === record.signature.signer)?.name
  const from = before !== undefined && before.name.full !== name.full ? before.name.full : undefined
  const fields = changedFields(before?.record, record)
  return {
    ...common,
    is: from === undefined ? whatHappened(before?.record, record, fields) : "moved",
    version,
    serial,
    fields,
    ...(from === undefined ? {} : { from }),
    ...(owner === undefined ? {} : { owner }),
  }
}

function whatHappened(
  before: SecretRecord | undefined,
  record: SecretRecord,
  fields: readonly string[],
): SecretEvent["is"] {
  if (before === undefined || record.changed !== before.changed) return "set"
  if (record.version !== before.version || record.created !== before.created) return "set"
  return fields.length > 0 ? "described" : "sealed anew"
}

function changedFields(before: SecretRecord | undefined, record: SecretRecord): string[] {
  const names = Object.keys(SECRET_FIELDS) as (keyof SecretMetadata)[]
  const fields: string[] = names.filter((field) => before?.[field] !== record[field])
  if (!areSameUses(before?.use, record.use)) fields.push("use")
  if (!isSameRotation(before?.rotation, record.rotation)) fields.push("rotation")
  if (!isSameSource(before?.source, record.source)) fields.push("source")
  if (!isSameLease(before?.lease, record.lease)) fields.push("lease")
  return fields
}
