import { type GroupReader, readersOfGroup } from "../vault/group-readers.js"
import { isWeaker } from "../policy/reveal.js"
import type { SecretRecord, Unsigned } from "../records/record.js"
import { type Lease, isSameLease } from "../records/lease.js"
import { type SecretMetadata, checkMetadata, metadataOf } from "../records/secret-metadata.js"
import { type Use, type WrittenUse, areSameUses, parseUse } from "../records/use.js"
import { getGroup, getSecret } from "../vault/vault.js"
import { parseSecretName } from "../words/names.js"
import { type LeaseEdit, leaseAfter } from "./change-lease.js"
import { requirePersonToWiden, withRules } from "./change-use.js"
import { type ChangeRequest, type Outcome, change } from "./change.js"
import { following, putRecord } from "./session.js"

interface MetadataRequest extends ChangeRequest {
  /** `GROUP/NAME` */
  readonly name: string
  /** What is given replaces what the record says; the rest stays. */
  readonly metadata: SecretMetadata
  /** What the record is to say no longer. */
  readonly cleared?: readonly (keyof SecretMetadata)[] | undefined
  /** Rules for the broker that are added to those that it has. */
  readonly use?: readonly WrittenUse[] | undefined
  /** How it is leased; absent: as it was. */
  readonly lease?: LeaseEdit | undefined
}

/** What is known of a secret, before and after a change. Its value is the same. */
export interface MetadataChange {
  readonly name: string
  readonly version: number
  readonly before: SecretMetadata
  readonly after: SecretMetadata
  /** The rules that are new. */
  readonly added: readonly Use[]
  /** How it is leased now, if that changed; `none`: what is sealed leaves as it is. */
  readonly leased?: LeaseEdit
  readonly readers: readonly GroupReader[]
}

/**
 * Changes what a record says of its secret. The value is neither opened nor sealed anew. Throws
 * `SECRET_NOT_FOUND`, `AGENT_NOT_FOUND`, `USAGE`, `NAME_INVALID`, and `UNCONFIRMED` for what lets a
 * model see it, or the broker send it, where it may not be yet, and for another lease.
 */
export function changeMetadata(request: MetadataRequest): Promise<Outcome<MetadataChange>> {
  const name = parseSecretName(request.name)
  const { metadata, cleared = [] } = request
  const rules = (request.use ?? []).map(parseUse)
  checkMetadata(metadata)
  return change(request, (session) => {
    const record = getSecret(session.vault, name)
    const [before, known] = [metadataOf(record), record.use ?? []]
    const after = metadataOf({ ...without(before, cleared), ...metadataOf(metadata) })
    const lease = leaseAfter(session, name, record, request.lease, record.source)
    const use = withRules(name, known, rules, lease)
    if (isWeaker(after.reveal, before.reveal)) {
      session.requirePerson(`let models see ${name.full}`)
    }
    requirePersonToWiden(session, name, known, use)
    const isLeasedAsBefore = isSameLease(record.lease, lease)
    if (!isSame(before, after) || !areSameUses(known, use) || !isLeasedAsBefore) {
      putRecord<SecretRecord>(session, withMetadata(record, after, use, lease))
    }
    const readers = readersOfGroup(getGroup(session.vault, name.group))
    const added = use.slice(known.length)
    const leased = isLeasedAsBefore ? {} : { leased: lease ?? ("none" as const) }
    const { version } = record
    const result = { name: name.full, version, before, after, added, ...leased, readers }
    return Promise.resolve({ result, message: `meta ${name.full}` })
  })
}

/** The record with other metadata, and all else as it was. */
function withMetadata(
  record: SecretRecord,
  metadata: SecretMetadata,
  use: readonly Use[],
  lease: Lease | undefined,
): Unsigned<SecretRecord> {
  const { use: _use, lease: _lease, ...rest } = following(record)
  return {
    ...without(rest, Object.keys(metadataOf(record)) as (keyof SecretMetadata)[]),
    ...metadata,
    ...(use.length === 0 ? {} : { use }),
    ...(lease === undefined ? {} : { lease }),
  }
}

function without<T extends SecretMetadata>(said: T, names: readonly (keyof SecretMetadata)[]): T {
  const left = Object.entries(said).filter(([name]) => !(names as readonly string[]).includes(name))
  return Object.fromEntries(left) as T
}

function isSame(one: SecretMetadata, other: SecretMetadata): boolean {
  const names = [...Object.keys(one), ...Object.keys(other)] as (keyof SecretMetadata)[]
  return names.every((name) => one[name] === other[name])
}
