import { VaultError } from "../words/errors.js"
import { type VaultFiles, inFolder } from "../disk/files.js"
import { type Mark, REWIND, markOf, revokesNote, signersNote } from "../memory/marks.js"
import { VerifiedRecords } from "../memory/verified-records.js"
import {
  VAULT_RECORD,
  agentRecordPath,
  classify,
  groupRecordPath,
  secretRecordPath,
} from "../words/layout.js"
import type { Memory } from "../memory/memory.js"
import { type SecretName, meantOr } from "../words/names.js"
import { acceptOwners, verifiedOwners } from "../records/owners.js"
import {
  type AgentRecord,
  type GroupRecord,
  type OwnerEntry,
  type SecretRecord,
  type VaultDocument,
  type VaultRecord,
  decodeVerifiedRecord,
  decodeRecord,
  digestOf,
} from "../records/record.js"
import type { Verifier } from "../records/signature.js"
import { refuseOtherVault } from "../memory/known-vault.js"
import { type Anchor, checkAnchor } from "../memory/trust.js"

/** A vault whose owners are verified, trusted and fresh; its other records are as they are read. */
export interface Vault {
  readonly id: string
  readonly record: VaultRecord
  /** The owners who have not ended. */
  readonly owners: readonly OwnerEntry[]
  readonly verifiers: ReadonlyMap<string, Verifier>
  readonly files: VaultFiles
  /** The records that were verified already, by the bytes they were read from. */
  readonly verified: WeakMap<Uint8Array, VaultDocument>
  readonly memory: Memory
  /** The records that were verified by an earlier command. */
  readonly verifiedBefore: VerifiedRecords
}

/** The last one: a command reads it for who it is, for the audit, and to verify it. */
let last: { readonly bytes: Uint8Array; readonly record: VaultRecord } | undefined

/** Reads vault.json without believing it yet. Throws `NO_VAULT`, `RECORD_INVALID`. */
export function readVaultRecord(files: VaultFiles): VaultRecord {
  const bytes = files.read(VAULT_RECORD)
  if (bytes === undefined) throw new VaultError("NO_VAULT", "vault.json is missing")
  if (last === undefined || Buffer.compare(bytes, last.bytes) !== 0) {
    last = { bytes, record: decodeRecord("vault", VAULT_RECORD, bytes) }
  }
  return last.record
}

/**
 * Verifies the owners of a vault: chain, signature, the anchor of trust, and freshness.
 * Throws the codes of exit 4 and 5.
 */
export function openVaultFiles(
  files: VaultFiles,
  anchor: Anchor | undefined,
  memory: Memory,
): Vault {
  const vault = verifyVault(files, memory)
  const { branchMarks: marks } = memory
  const { record } = vault
  checkAnchor(anchor, record.owners)
  refuseOtherVault(memory.knownVault, record.vault)
  const mark = markOf(record)
  marks.refuseOlder(VAULT_RECORD, mark)
  const highest = marks.highest(VAULT_RECORD)
  if (highest !== undefined && highest.serial < mark.serial) {
    const signers = marks.note(VAULT_RECORD, highest).split("\n")
    acceptOwners(record, { serial: highest.serial, signers })
  }
  rememberOwners(vault)
  return vault
}

/** Remembers the owners of an accepted vault.json: who may bring in the next one. */
export function rememberOwners(vault: Vault): void {
  const note = signersNote(vault.owners)
  vault.memory.branchMarks.remember(VAULT_RECORD, markOf(vault.record), note)
}

/** Verifies that a vault.json agrees with itself: nothing says yet that its owners are the right ones. */
export function verifyVault(files: VaultFiles, memory: Memory): Vault {
  const record = readVaultRecord(files)
  const { owners, verifiers, owned } = verifiedOwners(record)
  const before = memory.verifiedRecords && inFolder(memory.verifiedRecords, owned)
  return {
    id: record.vault,
    record,
    owners,
    verifiers,
    files,
    verified: new WeakMap(),
    memory,
    verifiedBefore: new VerifiedRecords(owned, before),
  }
}

/** Remembers that a record was accepted, so that an older one is refused from now on. */
export function remember(vault: Vault, record: VaultDocument): void {
  const note = record.kind === "group" ? revokesNote(record) : ""
  vault.memory.branchMarks.remember(record.path, markOf(record), note)
  if (record.kind !== "group" && record.kind !== "agent") return
  vault.memory.userMarks.remember(record.path, userMarkOf(record))
}

/** How far a record has come for whoever seals to it: for a group, only its epoch counts. */
export function userMarkOf(record: GroupRecord | AgentRecord): Mark {
  return record.kind === "group" ? { ...markOf(record), serial: 0 } : markOf(record)
}

/**
 * Remembers all groups and agents, before a change is decided upon them: however little of it the
 * change writes anew, nothing is sealed to an older one from now on.
 */
export function rememberAccess(vault: Vault): void {
  const records = [
    ...listAgents(vault).map((name) => findAgentRecord(vault, name)),
    ...listGroups(vault).map((name) => findGroup(vault, name)),
  ]
  for (const record of records) if (record !== undefined) remember(vault, record)
}

/**
 * Refuses to seal to a group or an agent that is older than what this user has seen anywhere, on
 * whatever branch. Throws `ROLLED_BACK`.
 */
export function refuseSealingToOlder(vault: Vault, record: GroupRecord | AgentRecord): void {
  const highest = vault.memory.userMarks.highest(record.path)
  const [now, then] =
    record.kind === "group" ? [record.epoch, highest?.epoch] : [record.serial, highest?.serial]
  if (then === undefined || now >= then) return
  throw new VaultError(
    "ROLLED_BACK",
    `${record.path} is at ${now}; you have seen ${then} elsewhere`,
    { hint: `merge the branch that has it; or ${REWIND}` },
  )
}

/** The record of a group, verified and fresh; undefined when there is none. */
export function findGroup(vault: Vault, group: string): GroupRecord | undefined {
  return readRecord(vault, "group", groupRecordPath(group))
}

/** The record of a group. Throws `GROUP_NOT_FOUND`, with the nearest name. */
export function getGroup(vault: Vault, group: string): GroupRecord {
  const record = findGroup(vault, group)
  if (record !== undefined) return record
  throw notFound("GROUP_NOT_FOUND", "group", group, listGroups(vault))
}

/** The record of an agent, verified and fresh; undefined when there is none, or it was removed. */
export function findAgent(vault: Vault, agent: string): AgentRecord | undefined {
  const record = findAgentRecord(vault, agent)
  return record?.ended === undefined ? record : undefined
}

/** The record of an agent, of a removed one too. */
export function findAgentRecord(vault: Vault, agent: string): AgentRecord | undefined {
  return readRecord(vault, "agent", agentRecordPath(agent))
}

/** The agent that has this key, or had it when it was removed. */
export function agentWithKey(
  vault: Vault,
  recipient: string,
): { readonly name: string; readonly isRemoved: boolean } | undefined {
  for (const name of listAgents(vault)) {
    const record = findAgentRecord(vault, name)
    if (record?.recipient === recipient) return { name, isRemoved: record.ended !== undefined }
  }
  return undefined
}

/** The record of an agent. Throws `AGENT_NOT_FOUND`, with the nearest name. */
export function getAgent(vault: Vault, agent: string): AgentRecord {
  const record = findAgent(vault, agent)
  if (record !== undefined) return record
  const others = listAgents(vault).filter((name) => findAgent(vault, name) !== undefined)
  throw notFound("AGENT_NOT_FOUND", "agent", agent, others)
}

/** The record of a secret, verified and fresh; undefined when there is none. */
export function findSecret(vault: Vault, name: SecretName): SecretRecord | undefined {
  return readRecord(vault, "secret", secretRecordPath(name))
}

/** The record of a secret. Throws `SECRET_NOT_FOUND`, with the nearest name. */
export function getSecret(vault: Vault, name: SecretName): SecretRecord {
  const record = findSecret(vault, name)
  if (record !== undefined) return record
  const others = listSecrets(vault).map(({ full }) => full)
  throw notFound("SECRET_NOT_FOUND", "secret", name.full, others)
}

/** The names of agents that have a record, removed ones too. */
export function listAgents(vault: Vault): string[] {
  return recordsUnder(vault, "agents/").flatMap((path) => {
    const file = classify(path)
    return file.is === "agent" ? [file.agent] : []
  })
}

/** The names of groups that have a record. */
export function listGroups(vault: Vault): string[] {
  return recordsUnder(vault, "groups/").flatMap((path) => {
    const file = classify(path)
    return file.is === "group" ? [file.group] : []
  })
}

/** The names of secrets that have a record, of one group if it is given. */
export function listSecrets(vault: Vault, group?: string): SecretName[] {
  return recordsUnder(vault, group === undefined ? "secrets/" : `secrets/${group}/`).flatMap(
    (path) => {
      const file = classify(path)
      return file.is === "secret" ? [file.secret] : []
    },
  )
}

/** Parsing names takes time: those of thousands of secrets are not parsed to find one. */
function recordsUnder(vault: Vault, folder: string): readonly string[] {
  return vault.files.list().filter((path) => path.startsWith(folder) && path.endsWith(".json"))
}

/** Every record of the vault, verified and fresh. */
export function allRecords(vault: Vault): VaultDocument[] {
  const records = [
    vault.record,
    ...listAgents(vault).map((name) => findAgentRecord(vault, name)),
    ...listGroups(vault).map((name) => findGroup(vault, name)),
    ...listSecrets(vault).map((name) => findSecret(vault, name)),
  ]
  return records.filter((record) => record !== undefined)
}

/** An error for something that does not exist, naming what was most likely meant. */
export function notFound(
  code: "GROUP_NOT_FOUND" | "AGENT_NOT_FOUND" | "SECRET_NOT_FOUND",
  kind: string,
  name: string,
  others: readonly string[],
): VaultError {
  return new VaultError(code, `there is no ${kind} ${name}`, {
    hint: meantOr(name, others, WAYS_OUT[code]),
  })
}

const WAYS_OUT = {
  GROUP_NOT_FOUND: "see them all: agent-vault group list; agent-vault set makes one",
  AGENT_NOT_FOUND: "see them all: agent-vault agent list",
  SECRET_NOT_FOUND: "see them all: agent-vault list",
}

interface Kinds {
  agent: AgentRecord
  group: GroupRecord
  secret: SecretRecord
}

function readRecord<K extends keyof Kinds>(
  vault: Vault,
  kind: K,
  path: string,
): Kinds[K] | undefined {
  const bytes = vault.files.read(path)
  if (bytes === undefined) return undefined
  const before = vault.verified.get(bytes)
  if (before?.path === path) return before as Kinds[K]
  const digest = digestOf(bytes)
  const record = vault.verifiedBefore.has(digest)
    ? decodeVerifiedRecord(kind, path, bytes, vault.id)
    : decodeRecord(kind, path, bytes, vault.id, vault.verifiers)
  vault.verifiedBefore.add(digest)
  vault.memory.branchMarks.refuseOlder(path, markOf(record, digest))
  vault.verified.set(bytes, record)
  return record
}
