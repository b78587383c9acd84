import { FolderFiles } from "./files.js"
import { classify } from "./layout.js"
import { parseAgentName, parseGroupName } from "./names.js"
import type { Place } from "./place.js"
import type { AgentRecord, Exposure, GroupRecord, Reveal } from "./record.js"
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
export interface SecretListing {
  readonly name: string
  readonly version: number
  /** When the present value was set. */
  readonly changed: string
  readonly expires?: string
  readonly description?: string
  readonly env?: string
  readonly reveal?: Reveal
  readonly exposed?: readonly Exposure[]
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
  const files = new FolderFiles(place.root).list().map(classify)
  return {
    secrets: files.flatMap((file) => (file.is === "secret" ? [file.secret.full] : [])),
    groups: files.flatMap((file) => (file.is === "group" ? [file.group] : [])),
    agents: files.flatMap((file) => (file.is === "agent" ? [file.agent] : [])),
  }
}

/** The secrets of a vault, or of one group, from their verified records. Throws `GROUP_NOT_FOUND`. */
export function describeSecrets(vault: Vault, group?: string): SecretListing[] {
  if (group !== undefined) getGroup(vault, parseGroupName(group))
  rememberAccess(vault)
  return listSecrets(vault, group).map((name) => {
    const { version, changed, expires, description, env, reveal, exposed } = getSecret(vault, name)
    return {
      name: name.full,
      version,
      changed,
      ...(expires === undefined ? {} : { expires }),
      ...(description === undefined ? {} : { description }),
      ...(env === undefined ? {} : { env }),
      ...(reveal === undefined ? {} : { reveal }),
      ...(exposed === undefined ? {} : { exposed }),
    }
  })
}

/** The agents of a vault, removed ones left out. */
export function describeAgents(vault: Vault): AgentListing[] {
  rememberAccess(vault)
  const groups = groupRecords(vault)
  return listAgents(vault).flatMap((agent) => {
    const record = findAgent(vault, agent)
    return record === undefined ? [] : [describe(agent, record, groups)]
  })
}

/** One agent. Throws `AGENT_NOT_FOUND`. */
export function describeAgent(vault: Vault, agent: string): AgentListing {
  return describe(agent, getAgent(vault, parseAgentName(agent)), groupRecords(vault))
}

type GroupRecords = ReadonlyMap<string, GroupRecord>

function groupRecords(vault: Vault): GroupRecords {
  return new Map(listGroups(vault).map((group) => [group, getGroup(vault, group)]))
}

function describe(agent: string, record: AgentRecord, groups: GroupRecords): AgentListing {
  const { recipient, since, escrow } = record
  const opened = [...groups].flatMap(([group, { members }]) =>
    members
      .filter((member) => member.agent === agent && member.recipient === recipient)
      .map((member) => ({
        group,
        since: member.since,
        ...(member.until === undefined ? {} : { until: member.until }),
      })),
  )
  return { agent, recipient, escrow: escrow !== undefined, since, groups: opened }
}
