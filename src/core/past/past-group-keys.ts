import type { Git } from "../git/git.js"
import { readObjects } from "../git/git-objects.js"
import { type GroupRecord, type OwnerEntry, digestOf } from "../records/record.js"
import { VAULT_RECORD, classify } from "../words/layout.js"
import { groupedBy } from "../words/grouped.js"
import { laterOf } from "../words/time.js"
import type { VaultInGit } from "./past-records.js"
import type { MissingPast, SignedPast, SignedVersion } from "./signed-past.js"

/** Somebody whose key opens a group's key. */
export interface PastHolder {
  readonly who: "agent" | "owner"
  readonly name: string
  /** Undefined where only a later record says that the agent had the group. */
  readonly recipient: string | undefined
  /** UTC. An agent's is signed, with its grant; an owner's is the time of a commit. */
  readonly since: string
  /** When the grant ends, as its last record says it. */
  readonly until?: string | undefined
  /** When the group was taken from them; absent as long as it was not, or where nothing says when. */
  readonly lost?: string | undefined
}

/** A key that a group had in one of its epochs, and who can open it: for ever, out of a clone. */
export interface PastGroupKey {
  readonly group: string
  readonly holders: readonly PastHolder[]
}

interface OpenKey {
  readonly group: string
  readonly epoch: number
  readonly holders: Map<string, PastHolder>
}

/** The keys that groups had, by fingerprint, and the records of groups that are not in the history here. */
export async function pastGroupKeys(
  where: VaultInGit,
  past: SignedPast,
): Promise<{ keys: ReadonlyMap<string, PastGroupKey>; missing: readonly MissingPast[] }> {
  const versions = past.groups()
  const owners = await ownersAt(where, past, versions)
  const keys = new Map<string, OpenKey>()
  for (const each of versions.toSorted(bySerial)) addMembers(keys, each)
  const byGroup = groupedBy(versions, ({ record }) => record.path)
  for (const [path, own] of byGroup) {
    const ofGroup = [...keys.values()].filter(({ group }) => group === groupOf(path))
    addOwners(ofGroup, own, owners)
    addLosses(ofGroup, own)
    const removed = where.vault.files.read(path) === undefined ? past.removals.get(path) : undefined
    if (removed !== undefined) endAll(ofGroup, removed)
  }
  const told = [...keys].map(
    ([fingerprint, { group, holders }]) =>
      [fingerprint, { group, holders: [...holders.values()] }] as const,
  )
  return { keys: new Map(told), missing: [...byGroup].flatMap(missingOf) }
}

function bySerial(one: SignedVersion<GroupRecord>, other: SignedVersion<GroupRecord>): number {
  return one.record.serial - other.record.serial
}

/** In the order of their serials: when a grant ends, the last record says. */
function addMembers(keys: Map<string, OpenKey>, { record }: SignedVersion<GroupRecord>): void {
  const key = keyOf(keys, record)
  for (const { agent, recipient, since, until } of record.members) {
    const id = `agent ${agent} ${recipient}`
    const before = key.holders.get(id)
    const first = before === undefined || since < before.since ? since : before.since
    key.holders.set(id, { who: "agent", name: agent, recipient, since: first, until })
  }
}

function keyOf(keys: Map<string, OpenKey>, { path, epoch, recipient }: GroupRecord): OpenKey {
  const fingerprint = digestOf(recipient)
  const known = keys.get(fingerprint)
  if (known !== undefined) return known
  const key = { group: groupOf(path), epoch, holders: new Map<string, PastHolder>() }
  keys.set(fingerprint, key)
  return key
}

/**
 * Owners open the key of a record, and all before it since the group was made: those are sealed to
 * them in its `past`.
 */
function addOwners(
  keys: readonly OpenKey[],
  versions: readonly SignedVersion<GroupRecord>[],
  owners: ReadonlyMap<string | undefined, readonly OwnerEntry[]>,
): void {
  const made = versions
    .filter(({ record }) => record.past === undefined)
    .map(({ record }) => record.epoch)
  for (const { record, commit, at } of versions) {
    const first = made.reduce(
      (most, epoch) => (epoch > record.epoch ? most : Math.max(most, epoch)),
      0,
    )
    for (const key of keys) {
      if (key.epoch < first || key.epoch > record.epoch) continue
      for (const { name, recipient } of owners.get(commit) ?? []) {
        const id = `owner ${name} ${recipient}`
        const before = key.holders.get(id)
        if (before !== undefined && before.since <= at) continue
        key.holders.set(id, { who: "owner", name, recipient, since: at })
      }
    }
  }
}

/** Records name who lost their group, and with which epoch: also where the one that let them in is gone. */
function addLosses(
  keys: readonly OpenKey[],
  versions: readonly SignedVersion<GroupRecord>[],
): void {
  const losses = new Map(
    versions.flatMap(({ record }) => record.revoked.map((loss) => [JSON.stringify(loss), loss])),
  )
  for (const { agent, at, epoch } of losses.values()) {
    for (const key of keys.filter((each) => each.epoch <= epoch)) {
      const own = [...key.holders].filter(([, { who, name }]) => who === "agent" && name === agent)
      for (const [id, holder] of own) {
        const isFirst = holder.lost === undefined || at < holder.lost
        if (holder.since <= at && isFirst) key.holders.set(id, { ...holder, lost: at })
      }
      if (own.length > 0 || key.epoch !== epoch) continue
      // Since when, nothing says: as if always.
      const holder = {
        who: "agent",
        name: agent,
        recipient: undefined,
        since: "",
        lost: at,
      } as const
      key.holders.set(`agent ${agent}`, holder)
    }
  }
}

function endAll(keys: readonly OpenKey[], removed: string): void {
  for (const { holders } of keys) {
    for (const [id, holder] of holders) {
      if (holder.who === "owner" || holder.lost !== undefined) continue
      holders.set(id, { ...holder, lost: laterOf(removed, holder.since) })
    }
  }
}

/** Each change of a record raises its serial by one: where a number lacks, so does a record. */
function missingOf([path, versions]: [
  string,
  readonly SignedVersion<GroupRecord>[],
]): MissingPast[] {
  const serials = new Set(versions.map(({ record }) => record.serial))
  const highest = versions.reduce((most, { record }) => Math.max(most, record.serial), 0)
  const lacking: number[] = []
  for (let serial = 1; serial < highest && lacking.length < SHOWN; serial++) {
    if (!serials.has(serial)) lacking.push(serial)
  }
  if (lacking.length === 0) return []
  const more = highest - serials.size > lacking.length ? ", …" : ""
  const which = `${lacking.join(", ")}${more}`
  return [{ path, what: `its record of serial ${which}, and whom that let in, is not here` }]
}

const SHOWN = 5

/** The owners in the commit that brought each version: its keys were sealed to them. */
async function ownersAt(
  { vault, git }: VaultInGit,
  past: SignedPast,
  versions: readonly SignedVersion<GroupRecord>[],
): Promise<ReadonlyMap<string | undefined, readonly OwnerEntry[]>> {
  const records = new Map(past.vaults().map(({ record, digest }) => [digest, record]))
  const commits = [...new Set(versions.flatMap(({ commit }) => commit ?? []))]
  const digests = await vaultDigests(git, past.folders, commits)
  const owners = new Map<string | undefined, readonly OwnerEntry[]>([[undefined, vault.owners]])
  for (const [index, commit] of commits.entries()) {
    const record = digests[index]?.flatMap((digest) => records.get(digest) ?? [])[0]
    owners.set(commit, record?.owners.filter(({ ended }) => ended === undefined) ?? [])
  }
  return owners
}

/** Of `vault.json` in each commit, in whichever of the vault's folders it was. */
async function vaultDigests(
  git: Git,
  folders: readonly string[],
  commits: readonly string[],
): Promise<string[][]> {
  const inFolders = (commit: string) => folders.map((each) => `${commit}:${each}/${VAULT_RECORD}`)
  const found = await readObjects(git, commits.flatMap(inFolders))
  const digests = found.map((object) => (object === undefined ? "" : digestOf(object.bytes)))
  return commits.map((_, index) =>
    digests.slice(index * folders.length, (index + 1) * folders.length),
  )
}

function groupOf(path: string): string {
  const file = classify(path)
  return file.is === "group" ? file.group : path
}
