import { type Exposure, type SecretRecord, digestOf } from "../records/record.js"
import type { StoreScheme } from "../records/source.js"
import { type Vault, listSecrets } from "../vault/vault.js"
import { classify, secretRecordPath } from "../words/layout.js"
import { groupedBy } from "../words/grouped.js"
import { laterOf } from "../words/time.js"
import type { MissingPast, SignedPast, SignedVersion } from "./signed-past.js"

/** A value that a secret had: the same one under every key that it was sealed to, and every name. */
export interface PastValue {
  /** What it was called, the last name last. */
  readonly names: readonly string[]
  readonly version: number
  /** When it was set: UTC, signed. */
  readonly changed: string
  /** The secret that has it now. */
  readonly present: string | undefined
  /** Its secret was removed while it was the value, or is on another branch: it may still work. */
  readonly isGone: boolean
  /** When another value took its place, or it was removed; undefined where it is the present one. */
  readonly ended: string | undefined
  /** The fingerprints of the keys that it was sealed to, and since when. */
  readonly seals: ReadonlyMap<string, string>
  /** The store that it lies in, where what is sealed is a reference. */
  readonly store: StoreScheme | undefined
  /** Who, as a record says, could read it and may not any more. */
  readonly exposed: readonly Exposure[]
}

type SecretVersion = SignedVersion<SecretRecord>

/** What values are told from. */
interface PastLinks {
  readonly byDigest: ReadonlyMap<string, SecretVersion>
  readonly byPath: ReadonlyMap<string, readonly SecretVersion[]>
  /** The records that name one as the one before, by its digest. */
  readonly after: ReadonlyMap<string, readonly SecretVersion[]>
  /** The name of each present record, by its digest. */
  readonly present: ReadonlyMap<string, string>
  readonly removals: ReadonlyMap<string, string>
}

/**
 * The values that secrets had: all of them, or those of one secret, under all its names. Records that
 * name one another by `previous` are of one secret; and of one value as long as that was not set anew.
 */
export function pastValues(
  vault: Vault,
  past: SignedPast,
  path?: string,
): { values: readonly PastValue[]; missing: readonly MissingPast[] } {
  const all = past.secrets(path === undefined ? undefined : past.pathsLinkedTo(path))
  const versions = path === undefined ? all : ofOneSecret(all, path)
  const ground = {
    byDigest: new Map(versions.map((version) => [version.digest, version])),
    byPath: groupedBy(versions, ({ record }) => record.path),
    after: groupedBy(versions, ({ record }) => record.previous),
    present: presentRecords(vault),
    removals: past.removals,
  }
  const missing = versions.flatMap(({ record: { path: at, previous, serial } }) => {
    if (previous === undefined || ground.byDigest.has(previous)) return []
    return [{ path: at, what: `the record before serial ${serial} is not here` }]
  })
  const values = setsOf(versions, ground).map((own) => valueOf(own, ground))
  return { values, missing }
}

/** The versions that are linked to one at a path, in either direction. */
function ofOneSecret(versions: readonly SecretVersion[], path: string): SecretVersion[] {
  const after = groupedBy(versions, ({ record }) => record.previous)
  const byDigest = new Map(versions.map((version) => [version.digest, version]))
  const linked = new Set(versions.filter(({ record }) => record.path === path))
  for (const { digest, record } of linked) {
    const before = byDigest.get(record.previous ?? "")
    if (before !== undefined) linked.add(before)
    for (const each of after.get(digest) ?? []) linked.add(each)
  }
  return [...linked]
}

/** The versions of each value. */
function setsOf(
  versions: readonly SecretVersion[],
  { after, byDigest }: PastLinks,
): readonly ReadonlySet<SecretVersion>[] {
  // Of a history that lacks records, what has one name, number and time is one value nevertheless.
  const alike = groupedBy(versions, ({ record }) =>
    JSON.stringify([record.path, record.version, record.created, record.changed]),
  )
  const known = new Set<SecretVersion>()
  return versions.flatMap((first) => {
    if (known.has(first)) return []
    const own = new Set([first])
    for (const each of own) {
      const { path, version, created, changed, previous } = each.record
      const before = byDigest.get(previous ?? "")
      const near = [...(after.get(each.digest) ?? []), ...(before === undefined ? [] : [before])]
      for (const other of near) if (isSameValue(each, other)) own.add(other)
      const same = alike.get(JSON.stringify([path, version, created, changed])) ?? []
      for (const other of same) own.add(other)
    }
    for (const each of own) known.add(each)
    return [own]
  })
}

function isSameValue({ record: one }: SecretVersion, { record: other }: SecretVersion): boolean {
  return (
    one.version === other.version && one.changed === other.changed && one.created === other.created
  )
}

function valueOf(versions: ReadonlySet<SecretVersion>, ground: PastLinks): PastValue {
  const own = [...versions].sort((one, other) => one.record.serial - other.record.serial)
  const { version = 0, changed = "" } = own[0]?.record ?? {}
  const present = own.flatMap(({ digest }) => ground.present.get(digest) ?? []).at(-1)
  const ends = own
    .filter((each) => !(ground.after.get(each.digest) ?? []).some((next) => versions.has(next)))
    .map((last) => endOf(last, versions, ground))
  const isGone = present === undefined && ends.some(({ isReplaced }) => !isReplaced)
  const times = ends.flatMap(({ at }) => at ?? [])
  const exposed = new Map(
    own.flatMap(({ record }) => (record.exposed ?? []).map((each) => [each.agent, each])),
  )
  return {
    names: [...new Set(own.map(({ record }) => nameOf(record.path)))],
    version,
    changed,
    present,
    isGone,
    ended: present === undefined ? times.sort().at(-1) : undefined,
    seals: sealsOf(own, versions, ground),
    store: own.find(({ record }) => record.source !== undefined)?.record.source?.store,
    exposed: [...exposed.values()],
  }
}

/** Whether another value took the place of a value's last record, and when; or when it was removed. */
function endOf(
  { digest, record }: SecretVersion,
  own: ReadonlySet<SecretVersion>,
  { after, byPath, removals }: PastLinks,
): { readonly isReplaced: boolean; readonly at: string | undefined } {
  const later = byPath.get(record.path)?.filter((each) => each.record.serial > record.serial) ?? []
  const next = [...(after.get(digest) ?? []), ...later].filter((each) => !own.has(each))
  // On another branch, a value that was set before this one may have come after it.
  const [first] = next.map((each) => laterOf(each.record.changed, record.changed)).sort()
  return { isReplaced: next.length > 0, at: first ?? removals.get(record.path) }
}

/**
 * Since when a value was sealed to each key. When it was set, is signed; when it was sealed anew, only
 * the commit says.
 */
function sealsOf(
  own: readonly SecretVersion[],
  versions: ReadonlySet<SecretVersion>,
  { byDigest }: PastLinks,
): ReadonlyMap<string, string> {
  const seals = new Map<string, string>()
  for (const { record, at } of own) {
    const before = byDigest.get(record.previous ?? "")
    const isSet = before === undefined || !versions.has(before)
    const since = isSet ? record.changed : laterOf(at, record.changed)
    const known = seals.get(record.sealedTo)
    if (known === undefined || since < known) seals.set(record.sealedTo, since)
  }
  return seals
}

function presentRecords(vault: Vault): ReadonlyMap<string, string> {
  return new Map(
    listSecrets(vault).flatMap((name) => {
      const bytes = vault.files.read(secretRecordPath(name))
      return bytes === undefined ? [] : [[digestOf(bytes), name.full] as const]
    }),
  )
}

function nameOf(path: string): string {
  const file = classify(path)
  return file.is === "secret" ? file.secret.full : path
}
