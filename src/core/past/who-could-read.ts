import type { StoreScheme } from "../records/source.js"
import { type Vault, findGroup, listSecrets, notFound } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { classify, secretRecordPath } from "../words/layout.js"
import { parseSecretName } from "../words/names.js"
import type { Progress } from "../words/progress.js"
import { hasPassed, utc } from "../words/time.js"
import { type PastGroupKey, pastGroupKeys } from "./past-group-keys.js"
import { type PastReader, readersOfValue, sealedToUnknown } from "./past-readers.js"
import type { VaultInGit } from "./past-records.js"
import { type PastValue, pastValues } from "./past-values.js"
import { type MissingPast, SignedPast, type Uncounted } from "./signed-past.js"

/**
 * How somebody stood to a value: `reads` the value of then by right; `ended` could not, by the end of
 * their grant, which readers heed and the key does not; `keeps` what they could open once, out of
 * Git's history.
 */
type PastStanding = "reads" | "ended" | "keeps"

/** A value of a secret, and who could open it. */
export interface ReadableValue {
  readonly version: number
  /** What the secret was called, the last name last. */
  readonly names: readonly string[]
  readonly set: string
  /** Whether it was the secret's value then, or is now. */
  readonly isValue: boolean
  /** The store that the value lies in: what a key opens is where it points. */
  readonly store?: StoreScheme
  /** When it ended to be that. */
  readonly ended?: string | undefined
  readonly readers: readonly (PastReader & { readonly standing: PastStanding })[]
}

/** What of the history could not be counted: where there is any of it, an answer may lack somebody. */
export interface PastGaps {
  readonly uncounted: readonly Uncounted[]
  readonly missing: readonly MissingPast[]
  /** Whether this clone lacks commits before some. */
  readonly shallow: boolean
}

/** Who could open which value of a secret, and when. */
interface CouldRead extends PastGaps {
  readonly name: string
  /** What it is called now, where that is another name; undefined where it is gone too. */
  readonly movedTo: string | undefined
  readonly isThere: boolean
  /** Newest first. */
  readonly values: readonly ReadableValue[]
}

interface CouldReadOptions {
  /** What came later is left out: as `2026-12-01T00:00:00Z`. */
  readonly at?: string | undefined
  readonly onProgress?: Progress | undefined
}

/**
 * Who could open which value of a secret, from the signed records in Git's history, of all branches
 * and tags here. Needs no key. Throws `SECRET_NOT_FOUND`.
 */
export async function whoCouldRead(
  where: VaultInGit,
  name: string,
  now: Date,
  { at, onProgress }: CouldReadOptions = {},
): Promise<CouldRead> {
  const path = secretRecordPath(parseSecretName(name))
  const { vault } = where
  const past = await SignedPast.of(where, now, onProgress)
  const { values, missing } = pastValues(vault, past, path)
  if (values.length === 0 && !past.uncounted.some((each) => each.path === path)) {
    throw notFound("SECRET_NOT_FOUND", "secret", name, knownSecrets(vault, past))
  }
  const { keys, missing: groups } = await pastGroupKeys(where, past)
  const own = groupsOf(values, keys)
  const moved = values.flatMap(({ names, present }) => (names.includes(name) && present) || [])
  return {
    name,
    movedTo: moved.includes(name) ? undefined : moved[0],
    isThere: vault.files.read(path) !== undefined,
    values: values
      .filter(({ changed }) => at === undefined || changed <= at)
      .map((value) => readable(value, keys, membersNow(vault, value), at, utc(now)))
      .sort((one, other) =>
        one.set < other.set ? 1 : one.set > other.set ? -1 : other.version - one.version,
      ),
    shallow: past.isShallow,
    uncounted: past.uncounted.filter(({ path: each }) => {
      const file = classify(each)
      return file.is !== "group" || own.has(file.group)
    }),
    missing: [
      ...missing,
      ...groups.filter(({ path: each }) => {
        const file = classify(each)
        return file.is === "group" && own.has(file.group)
      }),
      ...sealedToUnknown(values, keys),
    ],
  }
}

function readable(
  value: PastValue,
  keys: ReadonlyMap<string, PastGroupKey>,
  members: ReadonlySet<string>,
  at: string | undefined,
  now: string,
): ReadableValue {
  const isValue = at === undefined ? value.present !== undefined : !hasPassed(value.ended, at)
  const standingOf = (reader: PastReader): PastStanding => {
    const has = at === undefined ? members.has(idOf(reader)) : !hasPassed(reader.lost, at)
    if (!isValue || !has) return "keeps"
    return hasPassed(reader.until, at ?? now) ? "ended" : "reads"
  }
  const readers = readersOfValue(value, keys)
    .filter(({ from }) => at === undefined || from <= at)
    .map((reader) => {
      const standing = standingOf(reader)
      // What was lost and given again is not lost.
      const lost =
        standing === "reads" || (at !== undefined && !hasPassed(reader.lost, at))
          ? undefined
          : reader.lost
      return { ...reader, lost, standing }
    })
  const { version, names, changed, ended, store } = value
  const then = at === undefined || hasPassed(ended, at) ? ended : undefined
  return {
    version,
    names,
    set: changed,
    isValue,
    ...(store && { store }),
    ended: then,
    readers: readers.sort(byName),
  }
}

function byName(one: PastReader, other: PastReader): number {
  const [a, b] = [one, other].map(({ who, name, from }) => `${who} ${name} ${from}`)
  return (a ?? "") < (b ?? "") ? -1 : 1
}

/** Who opens the group of a present value now. */
function membersNow(vault: Vault, { present }: PastValue): ReadonlySet<string> {
  if (present === undefined) return new Set()
  try {
    const members = findGroup(vault, parseSecretName(present).group)?.members ?? []
    return new Set([
      ...members.map(({ agent, recipient }) => idOf({ who: "agent", name: agent, recipient })),
      ...vault.owners.map(({ name, recipient }) => idOf({ who: "owner", name, recipient })),
    ])
  } catch (error) {
    // A record that is refused lets nobody in; `check` tells why.
    if (VaultError.is(error)) return new Set()
    throw error
  }
}

function idOf({ who, name, recipient }: Pick<PastReader, "who" | "name" | "recipient">): string {
  return JSON.stringify([who, name, recipient])
}

/** The groups that a secret's values were in. */
function groupsOf(
  values: readonly PastValue[],
  keys: ReadonlyMap<string, PastGroupKey>,
): ReadonlySet<string> {
  const named = values.flatMap(({ names }) => names.map((name) => parseSecretName(name).group))
  const sealed = values.flatMap(({ seals }) =>
    [...seals.keys()].flatMap((fingerprint) => keys.get(fingerprint)?.group ?? []),
  )
  return new Set([...named, ...sealed])
}

function knownSecrets(vault: Vault, past: SignedPast): readonly string[] {
  const before = [...past.paths()].flatMap((path) => {
    const file = classify(path)
    return file.is === "secret" ? [file.secret.full] : []
  })
  return [...new Set([...listSecrets(vault).map(({ full }) => full), ...before])]
}
