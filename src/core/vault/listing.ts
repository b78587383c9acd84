import { groupedBy } from "../words/grouped.js"
import { VaultError } from "../words/errors.js"
import { FolderFiles } from "../disk/files.js"
import { classify, secretRecordPath } from "../words/layout.js"
import { type SecretName, parseAgentName, parseGroupName, parseSecretName } from "../words/names.js"
import type { Place } from "../disk/place.js"
import { verifyAhead } from "../memory/verify-ahead.js"
import { mayOpen } from "../policy/access.js"
import type { AgentRecord, GroupRecord, Member } from "../records/record.js"
import { type SecretMetadata, metadataOf } from "../records/secret-metadata.js"
import type { Rotation } from "../records/rotation.js"
import type { Lease } from "../records/lease.js"
import type { Source } from "../records/source.js"
import type { Use } from "../records/use.js"
import { type Exposed, stillExposed } from "./exposed.js"
import { type GroupReader, readersOfGroup } from "./group-readers.js"
import {
  type Vault,
  findAgent,
  getAgent,
  getGroup,
  getSecret,
  listAgents,
  listGroups,
  listSecrets,
  rememberAccess,
} from "./vault.js"

/** What anyone may know of a secret. Times are UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
export interface SecretListing extends SecretMetadata {
  readonly name: string
  readonly version: number
  /** When the present value was set. */
  readonly changed: string
  readonly exposed?: readonly Exposed[]
  /** Where the broker may send the value; absent: nowhere. */
  readonly use?: readonly Use[]
  /** The programs that give it a new value, when an owner has them run; absent: none are named. */
  readonly rotation?: Rotation
  /** The store that the value is fetched from when it is read; absent: it is in the vault. */
  readonly source?: Source
  /** How what is sealed is exchanged for a short-lived value, which is what readers get. */
  readonly lease?: Lease
}

/** What an agent may open, and until when. */
export interface AgentListing {
  readonly agent: string
  readonly recipient: string
  /** Whether an owner can recover its key. */
  readonly escrow: boolean
  readonly since: string
  readonly groups: readonly {
    readonly group: string
    readonly since: string
    readonly until?: string
  }[]
}

/** The names in a vault, as the names of its files tell them. */
export interface VaultNames {
  readonly secrets: readonly string[]
  readonly groups: readonly string[]
  /** Removed ones too. */
  readonly agents: readonly string[]
}

/** What a shell completes: no file is opened and nothing verified, so do not rely on it. */
export function namesIn(place: Place): VaultNames {
  const paths = new FolderFiles(place.root).list()
  const files = paths.filter((path) => path.endsWith(".json")).map(classify)
  return {
    secrets: files.flatMap((file) => (file.is === "secret" ? [file.secret.full] : [])),
    groups: files.flatMap((file) => (file.is === "group" ? [file.group] : [])),
    agents: files.flatMap((file) => (file.is === "agent" ? [file.agent] : [])),
  }
}

/** The name of one secret of a group, told in the same way; undefined where there is none. */
export function someSecretIn(place: Place, group: string): string | undefined {
  const folder = `secrets/${group}/`
  return new FolderFiles(place.root)
    .list()
    .find((path) => path.startsWith(folder) && classify(path).is === "secret")
    ?.slice("secrets/".length, -".json".length)
}

/** The secrets of a vault, or of one group, from their verified records. Throws `GROUP_NOT_FOUND`. */
export function describeSecrets(vault: Vault, group?: string): SecretListing[] {
  if (group !== undefined) getGroup(vault, parseGroupName(group))
  rememberAccess(vault)
  return listSecrets(vault, group).map((name) => describeSecret(vault, name))
}

/** The same where there may be thousands, whose records are verified on all cores first. */
export async function describeManySecrets(vault: Vault, group?: string): Promise<SecretListing[]> {
  await verifyAhead(vault, listSecrets(vault, group).map(secretRecordPath))
  return describeSecrets(vault, group)
}

/**
 * The secrets that still read, as {@link describeSecrets} has them, where it refuses others. Throws
 * `GROUP_NOT_FOUND`.
 */
export function describeOtherSecrets(vault: Vault, group?: string): SecretListing[] {
  return listSecrets(vault, group).flatMap((name) => {
    try {
      return [describeSecret(vault, name)]
    } catch (error) {
      if (isRefusal(error)) return []
      throw error
    }
  })
}

/** Whether an error says that a reader refuses a record, which is no reason to refuse the others. */
export function isRefusal(error: unknown): error is VaultError {
  return VaultError.is(error) && (error.exitCode === 5 || error.code === "FORMAT_NEWER")
}

/** One secret, from its verified record. Throws `SECRET_NOT_FOUND`. */
export function describeSecret(vault: Vault, name: SecretName): SecretListing {
  const record = getSecret(vault, name)
  const { version, changed, use, rotation, source, lease } = record
  const exposed = stillExposed(vault, name, record)
  return {
    name: name.full,
    version,
    changed,
    ...metadataOf(record),
    ...(exposed.length === 0 ? {} : { exposed }),
    ...(use === undefined ? {} : { use }),
    ...(rotation === undefined ? {} : { rotation }),
    ...(source === undefined ? {} : { source }),
    ...(lease === undefined ? {} : { lease }),
  }
}

/**
 * The agents that may open a group, besides the owners; one whose grant has ended too. Throws
 * `GROUP_NOT_FOUND`, and what a reader refuses.
 */
export function describeReaders(vault: Vault, group: string): readonly GroupReader[] {
  return readersOfGroup(getGroup(vault, group))
}

/** A secret, and whether a key may read it now. */
export interface ReadableListing extends SecretListing {
  readonly readable: boolean
}

/** The secrets of a vault, or of one group, for one reader. Throws `GROUP_NOT_FOUND`. */
export function describeReadable(
  vault: Vault,
  recipient: string,
  now: Date,
  group?: string,
): ReadableListing[] {
  const open = new Map(
    [...groupRecords(vault)].map(([name, record]) => [
      name,
      mayOpen(vault, record, recipient, now),
    ]),
  )
  return describeSecrets(vault, group).map((secret) => ({
    ...secret,
    readable: open.get(parseSecretName(secret.name).group) === true,
  }))
}

/** What one reader may open, and what not. */
export interface AccessReport {
  readonly vault: string
  /** The agent whose key it is, as the owners signed; undefined for a stranger's, or an owner's. */
  readonly agent?: string
  readonly groups: readonly {
    readonly group: string
    readonly since?: string
    readonly until?: string
    readonly secrets: number
  }[]
  /** The groups that the reader may not open: what an owner can be asked for. */
  readonly closed: readonly string[]
  /** Present where the vault has a policy, which decides as well about each value. */
  readonly hasPolicy?: true
}

/** What a key may open now, until when, and what it may not. */
export function describeAccess(
  vault: Vault,
  { recipient }: { readonly recipient: string },
  now: Date,
): AccessReport {
  const agent = listAgents(vault).find((name) => findAgent(vault, name)?.recipient === recipient)
  const groups = [...groupRecords(vault)]
  const secrets = secretsByGroup(vault)
  const isOpen = ([, record]: (typeof groups)[number]): boolean =>
    mayOpen(vault, record, recipient, now)
  return {
    vault: vault.id,
    ...(agent === undefined ? {} : { agent }),
    groups: groups.filter(isOpen).map(([group, { members }]) => {
      const member = members.find((each) => each.recipient === recipient)
      return {
        group,
        ...(member === undefined ? {} : { since: member.since }),
        ...(member?.until === undefined ? {} : { until: member.until }),
        secrets: secrets.get(group)?.length ?? 0,
      }
    }),
    closed: groups.filter((group) => !isOpen(group)).map(([group]) => group),
    ...(vault.record.policy === undefined ? {} : { hasPolicy: true }),
  }
}

/** The agents of a vault, removed ones left out. */
export function describeAgents(vault: Vault): AgentListing[] {
  rememberAccess(vault)
  const memberships = membershipsIn(vault)
  return listAgents(vault).flatMap((agent) => {
    const record = findAgent(vault, agent)
    return record === undefined ? [] : [describe(agent, record, memberships)]
  })
}

/** One agent. Throws `AGENT_NOT_FOUND`. */
export function describeAgent(vault: Vault, agent: string): AgentListing {
  return describe(agent, getAgent(vault, parseAgentName(agent)), membershipsIn(vault))
}

function groupRecords(vault: Vault): ReadonlyMap<string, GroupRecord> {
  return new Map(listGroups(vault).map((group) => [group, getGroup(vault, group)]))
}

/** The groups that each agent is a member of, with the key by which it is. */
type Memberships = ReadonlyMap<string, readonly (Member & { readonly group: string })[]>

/** One way through all groups, so that a list of all agents does not go through them for each. */
function membershipsIn(vault: Vault): Memberships {
  const byAgent = new Map<string, (Member & { readonly group: string })[]>()
  for (const [group, { members }] of groupRecords(vault)) {
    for (const member of members) {
      const own = byAgent.get(member.agent)
      if (own === undefined) byAgent.set(member.agent, [{ ...member, group }])
      else own.push({ ...member, group })
    }
  }
  return byAgent
}

function describe(agent: string, record: AgentRecord, memberships: Memberships): AgentListing {
  const { recipient, since, escrow } = record
  const opened = (memberships.get(agent) ?? [])
    .filter((member) => member.recipient === recipient)
    .map(({ group, since: from, until }) => ({
      group,
      since: from,
      ...(until === undefined ? {} : { until }),
    }))
  return { agent, recipient, escrow: escrow !== undefined, since, groups: opened }
}

/** The names of all secrets by group: for who asks for those of many groups. */
export function secretsByGroup(vault: Vault): ReadonlyMap<string, readonly SecretName[]> {
  return groupedBy(listSecrets(vault), ({ group }) => group)
}
