import { type SecretRecord } from "../records/record.js"
import { type SecretMetadata, SECRET_FIELDS } from "../records/secret-metadata.js"
import { isSameRotation } from "../records/rotation.js"
import { isSameLease } from "../records/lease.js"
import { isSameSource } from "../records/source.js"
import { areSameUses } from "../records/use.js"
import { type Vault, listSecrets, notFound } from "../vault/vault.js"
import { parseSecretName } from "../words/names.js"
import type { Progress } from "../words/progress.js"
import { type PastRecord, type VaultInGit, pastRecords } from "./past-records.js"

/** What a commit did to a secret. */
export interface SecretEvent {
  /** What the secret was called then. */
  readonly name: string
  readonly is:
    "set" | "described" | "sealed anew" | "moved" | "removed" | "unsigned" | "from before"
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
 * the names that it had before too. Removed secrets have one as well. Throws `SECRET_NOT_FOUND`.
 */
export async function secretHistory(
  where: VaultInGit,
  name: string,
  onProgress?: Progress,
): Promise<readonly SecretEvent[]> {
  const parsed = parseSecretName(name)
  const { vault } = where
  const past = await pastRecords(where, parsed, onProgress)
  if (past.length === 0) {
    const others = listSecrets(vault).map(({ full }) => full)
    throw notFound("SECRET_NOT_FOUND", "secret", name, others)
  }
  const byDigest = new Map(past.map((entry) => [entry.digest, entry]))
  return past.map((entry, index) => {
    const previous = entry.record?.previous
    if (previous === undefined) return eventOf(vault, entry, undefined)
    // Where two branches changed it, what a record replaced is not the one that stands below it.
    return eventOf(vault, entry, byDigest.get(previous) ?? past[index + 1])
  })
}

function eventOf(vault: Vault, entry: PastRecord, before: PastRecord | undefined): SecretEvent {
  const { by, name, record, digest } = entry
  const common = { name: name.full, ...by, fields: [] }
  if (record === undefined) return { ...common, is: digest === undefined ? "removed" : "unsigned" }
  const { version, serial } = record
  const owner = vault.record.owners.find(({ signer }) => signer === record.signature.signer)?.name
  if (before === undefined && record.previous !== undefined) {
    // Of a shallow clone, say: the commit need not be the one that changed it.
    return {
      ...common,
      is: "from before",
      version,
      serial,
      ...(owner === undefined ? {} : { owner }),
    }
  }
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
