import { type Exposures, exposures } from "../records/exposures.js"
import { isSameLease } from "../records/lease.js"
import {
  type SecretRecord,
  type Unsigned,
  digestOf,
  encodeRecord,
  unsigned,
} from "../records/record.js"
import { type SecretMetadata, SECRET_FIELDS } from "../records/secret-metadata.js"
import { isSameRotation } from "../records/rotation.js"
import { areSameUses } from "../records/use.js"
import type { Side } from "./units.js"

/** The records of one secret; undefined where it is not, or not any more. */
interface SecretSides {
  readonly base: SecretRecord | undefined
  readonly ours: SecretRecord | undefined
  readonly theirs: SecretRecord | undefined
}

/** What becomes of a secret that both sides changed. */
export type MergedSecret =
  | { readonly is: "choice" }
  | { readonly is: "removed" }
  | {
      readonly is: "merged"
      /** Whose value it is. */
      readonly from: Side
      /** Further than both, so that no clone takes it for a set-back. */
      readonly record: Unsigned<SecretRecord>
    }

/**
 * Merges what both sides say of a secret. A rekey seals all values of a group anew, and changes none:
 * it never contradicts a new value. Two new values, two texts for one field, and a removal of what
 * the other side changed, do contradict each other: there `chosen` decides. Of two equal values the
 * one that is sealed to `key` is taken, the fingerprint of the group's key. `floor` is how far a record
 * of this name had come that one side removed.
 */
export function mergeSecret(
  sides: SecretSides,
  key: string | undefined,
  chosen: Side | undefined,
  floor = 0,
): MergedSecret {
  const { base, ours, theirs } = sides
  if (ours === undefined || theirs === undefined) return mergeRemoval(sides, chosen, floor)
  const isNew = { ours: hasNewValue(base, ours), theirs: hasNewValue(base, theirs) }
  const isTwice = isNew.ours && isNew.theirs && ours.digest !== theirs.digest
  const metadata = mergeMetadata(base, ours, theirs, chosen)
  const uses = mergeUses(base, ours, theirs, chosen)
  const rotation = mergeRotation(base, ours, theirs, chosen)
  const from = isTwice ? (chosen ?? "ours") : valueOf(isNew, ours, theirs, key)
  const record = from === "ours" ? ours : theirs
  // Each of two new values is leased as its own record says, and a reference is not leased.
  const isOfValue = isTwice || record.source !== undefined
  const lease = isOfValue ? record.lease : mergeLease(base, ours, theirs, chosen)
  const isOpen = uses === "choice" || rotation === "choice" || lease === "choice"
  if (metadata === undefined || isOpen || (isTwice && chosen === undefined)) {
    return { is: "choice" }
  }
  const {
    use: _use,
    rotation: _rotation,
    lease: _lease,
    ...body
  } = withoutMetadata(unsigned(record))
  return {
    is: "merged",
    from,
    record: {
      ...body,
      ...metadata,
      ...(uses === undefined ? {} : { use: uses }),
      ...(rotation === undefined ? {} : { rotation }),
      ...(lease === undefined ? {} : { lease }),
      serial: Math.max(ours.serial, theirs.serial, floor) + 1,
      // Each of two values was one. A name made anew counts anew, and has no further value by a merge.
      version: isTwice ? Math.max(ours.version, theirs.version) + 1 : record.version,
      previous: digestOf(encodeRecord(record)),
      // A new value is exposed as its own record says.
      ...(isNew.ours || isNew.theirs ? {} : bothExposed(ours, theirs)),
    },
  }
}

function mergeRemoval(sides: SecretSides, chosen: Side | undefined, floor: number): MergedSecret {
  const from = sides.ours === undefined ? "theirs" : "ours"
  const left = sides[from]
  if (left === undefined) return { is: "removed" }
  const { base } = sides
  if (base !== undefined && isOnlySealedAnew(base, left)) return { is: "removed" }
  // Who removed one of this name did not know of this one.
  if (base !== undefined && chosen === undefined) return { is: "choice" }
  if (base !== undefined && chosen !== from) return { is: "removed" }
  const record = {
    ...unsigned(left),
    serial: Math.max(left.serial, floor) + 1,
    previous: digestOf(encodeRecord(left)),
  }
  return { is: "merged", from, record }
}

/**
 * `changed` stays as it is when a value is sealed anew; a name that was used before counts anew. Within
 * one second two values have the same of all that, but no two ciphertexts for one key.
 */
function hasNewValue(base: SecretRecord | undefined, record: SecretRecord): boolean {
  return (
    base === undefined ||
    record.version !== base.version ||
    record.changed !== base.changed ||
    record.created !== base.created ||
    (record.sealedTo === base.sealedTo && record.digest !== base.digest)
  )
}

function isOnlySealedAnew(base: SecretRecord, record: SecretRecord): boolean {
  return (
    !hasNewValue(base, record) &&
    FIELDS.every((field) => record[field] === base[field]) &&
    areSameUses(record.use, base.use) &&
    isSameRotation(record.rotation, base.rotation) &&
    isSameLease(record.lease, base.lease)
  )
}

function valueOf(
  isNew: Readonly<Record<Side, boolean>>,
  ours: SecretRecord,
  theirs: SecretRecord,
  key: string | undefined,
): Side {
  if (isNew.ours !== isNew.theirs) return isNew.ours ? "ours" : "theirs"
  return theirs.sealedTo === key && ours.sealedTo !== key ? "theirs" : "ours"
}

const FIELDS = Object.keys(SECRET_FIELDS) as (keyof SecretMetadata)[]

/** Each field from the side that changed it; undefined if both did and nobody chose. */
function mergeMetadata(
  base: SecretRecord | undefined,
  ours: SecretRecord,
  theirs: SecretRecord,
  chosen: Side | undefined,
): SecretMetadata | undefined {
  const merged: Record<string, string> = {}
  for (const field of FIELDS) {
    const [was, one, other] = [base?.[field], ours[field], theirs[field]]
    const isContested = one !== other && one !== was && other !== was
    if (isContested && chosen === undefined) return undefined
    const left = isContested ? { ours, theirs }[chosen ?? "ours"][field] : one === was ? other : one
    if (left !== undefined) merged[field] = left
  }
  return merged
}

/**
 * Each of these as a whole from the side that changed it. Rules of both sides together would let the
 * value go where no owner signed it to go, a mixture of programs nobody signed, and a lease that is
 * lost hands out the key.
 */
const mergeUses = wholeOf(({ use }) => use, areSameUses)
const mergeRotation = wholeOf(({ rotation }) => rotation, isSameRotation)
const mergeLease = wholeOf(({ lease }) => lease, isSameLease)

/** Merges what `read` finds in a record; `choice` if both sides changed it and nobody chose. */
function wholeOf<T>(
  read: (record: SecretRecord) => T | undefined,
  isSame: (one: T | undefined, other: T | undefined) => boolean,
) {
  return (
    base: SecretRecord | undefined,
    ours: SecretRecord,
    theirs: SecretRecord,
    chosen: Side | undefined,
  ): T | "choice" | undefined => {
    const [was, one, other] = [base && read(base), read(ours), read(theirs)]
    if (isSame(one, other) || isSame(other, was)) return one
    if (isSame(one, was)) return other
    return chosen === undefined ? "choice" : { ours: one, theirs: other }[chosen]
  }
}

function withoutMetadata(record: Unsigned<SecretRecord>): Unsigned<SecretRecord> {
  const names: readonly string[] = FIELDS
  const rest = Object.entries(record).filter(([name]) => !names.includes(name))
  return Object.fromEntries(rest) as unknown as Unsigned<SecretRecord>
}

/** Who could read the value on one side or the other: of each the first time. */
function bothExposed(ours: SecretRecord, theirs: SecretRecord): Exposures {
  return exposures(
    byTime([...(ours.exposed ?? []), ...(theirs.exposed ?? [])]),
    byTime([...(ours.exposedToOwners ?? []), ...(theirs.exposedToOwners ?? [])]),
  )
}

function byTime<T extends { readonly at: string }>(entries: readonly T[]): readonly T[] {
  return [...entries].sort((one, other) => (one.at < other.at ? -1 : 1))
}
