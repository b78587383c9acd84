import { hasMergeMarkers, settledBy } from "../words/markers.js"
import type { SecretMetadata } from "./secret-metadata.js"
import { hash } from "node:crypto"
import { VaultError } from "../words/errors.js"
import { ATTRIBUTES, ATTRIBUTE_LINES, VAULT_FOLDER, bringBack } from "../words/layout.js"
import { type Format, formatOf, isOfNewerFormat, newer, recordProblem } from "./record-format.js"
import { type Lease, leaseProblem } from "./lease.js"
import type { Rotation } from "./rotation.js"
import type { Source } from "./source.js"
import type { Use } from "./use.js"
import {
  agentRecordProblem,
  groupRecordProblem,
  secretRecordProblem,
  vaultRecordProblem,
} from "./schema.js"
import type { Signable, SigningKey, Verifier } from "./signature.js"

/**
 * The signed records of a vault. Times are UTC, `YYYY-MM-DDTHH:MM:SSZ`; digests are `sha256:` and
 * 64 hex digits; recipients are age recipients; signers and signatures are as in signature.ts.
 */
interface RecordBase {
  readonly format: Format
  readonly vault: string
  /** Where the record lies, so that a signed record cannot be moved. */
  readonly path: string
  /** Raised by every change of this record. */
  readonly serial: number
  readonly signature: { readonly signer: string; readonly ed25519: string }
}

/** A person who governs the vault. Signed by the owner who added it; never removed, only ended. */
export interface OwnerEntry {
  readonly name: string
  readonly recipient: string
  readonly signer: string
  /** The serial of vault.json that brought this owner. */
  readonly since: number
  /** The signer who added this owner; the first owner added itself. */
  readonly by: string
  readonly signature: string
  readonly ended?: { readonly until: number; readonly by: string; readonly signature: string }
}

export interface VaultRecord extends RecordBase {
  readonly kind: "vault"
  readonly keys: "x25519" | "mlkem768x25519"
  readonly owners: readonly OwnerEntry[]
  /** Digest of policy.json, which every reader asks then; absent: there is no policy. */
  readonly policy?: string
}

export interface AgentRecord extends RecordBase {
  readonly kind: "agent"
  readonly recipient: string
  /** Digest of the escrow; absent when the key was made elsewhere. */
  readonly escrow?: string
  /** The owners whom the escrow is sealed to, by signer; absent: the first owner alone. */
  readonly sealedToOwners?: readonly string[] | undefined
  /** The owners who had been removed when the escrow was sealed, by signer; absent: none. */
  readonly removedOwners?: readonly string[] | undefined
  readonly since: string
  /** Set when the agent was removed: the record stays, so that an old one cannot come back. */
  readonly ended?: string
}

export interface Member {
  readonly agent: string
  readonly recipient: string
  readonly since: string
  readonly until?: string
}

export interface GroupRecord extends RecordBase {
  readonly kind: "group"
  /** Raised by every rekey. */
  readonly epoch: number
  readonly recipient: string
  readonly members: readonly Member[]
  /** Who lost access last, and with which epoch: shown when they would gain it again. */
  readonly revoked: readonly {
    readonly agent: string
    readonly at: string
    readonly epoch: number
  }[]
  readonly digest: string
  readonly past?: string
  /** The owners whom the group's key is sealed to, by signer; absent: the first owner alone. */
  readonly sealedToOwners?: readonly string[] | undefined
  /** The owners who were removed, and the last epoch that each could open. */
  readonly revokedOwners?: readonly RevokedOwner[]
}

/** An owner, by signer, who was removed: when, and with which epoch of a group. */
export interface RevokedOwner extends OwnerExposure {
  readonly epoch: number
}

/** An owner, by signer, who was removed and could read a value until then. */
export interface OwnerExposure {
  readonly owner: string
  readonly at: string
}

/** How an agent's access ended, which left a value exposed. */
export type Loss = "revoked" | "ended" | "removed" | "rekeyed"
export interface Exposure {
  readonly agent: string
  readonly at: string
  readonly why: Loss
}

export interface SecretRecord extends RecordBase, SecretMetadata {
  readonly kind: "secret"
  /** Counts the values. */
  readonly version: number
  /** Digest of the record that this one replaced. */
  readonly previous?: string
  /** Fingerprint of the group's recipient that the value is sealed to. */
  readonly sealedTo: string
  readonly digest: string
  readonly created: string
  /** When the present value was set. */
  readonly changed: string
  readonly exposed?: readonly Exposure[]
  readonly exposedToOwners?: readonly OwnerExposure[]
  /** Where the broker may send the value; absent: nowhere. In the order in which they are looked at. */
  readonly use?: readonly Use[]
  /** How the secret gets a new value; nothing runs before a person on the machine agreed. */
  readonly rotation?: Rotation
  /** What is sealed is a reference to a value in this store; absent: the value itself. */
  readonly source?: Source
  /** What is sealed is exchanged for a value that lives for a short time, which is what leaves. */
  readonly lease?: Lease | undefined
}

export type VaultDocument = VaultRecord | AgentRecord | GroupRecord | SecretRecord
/** A record that is not signed yet. */
export type Unsigned<R extends VaultDocument> = Omit<R, "signature" | "format">

const CHECKS = {
  vault: vaultRecordProblem,
  agent: agentRecordProblem,
  group: groupRecordProblem,
  secret: (record: unknown) =>
    secretRecordProblem(record) ?? leaseProblem(record as Parameters<typeof leaseProblem>[0]),
}

interface RecordKinds {
  vault: VaultRecord
  agent: AgentRecord
  group: GroupRecord
  secret: SecretRecord
}

/** `sha256:` and the hex digest of `bytes`. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${hash("sha256", bytes)}`
}

/**
 * The one encoding of a record, and of whatever else is signed: JSON, keys sorted, two spaces of
 * indent, a newline at the end, as `json.dumps(r, indent=2, sort_keys=True, ensure_ascii=False)`
 * writes it. There is no other, so a duplicate key or a second spelling cannot mean one thing here
 * and another elsewhere.
 */
export function encodeRecord(record: object): Uint8Array {
  return Buffer.from(`${JSON.stringify(sortKeys(record), null, 2)}\n`, "utf8")
}

/**
 * Parses the record of `kind` that lies at `path`: encoding, schema, kind, path and vault are
 * checked; the signature is checked if `owners` (by signer) are given. Throws `RECORD_INVALID`,
 * `SIGNATURE_INVALID`, and `FORMAT_NEWER` for a record that this program is too old for.
 */
export function decodeRecord<K extends keyof RecordKinds>(
  kind: K,
  path: string,
  bytes: Uint8Array,
  vault?: string,
  owners?: ReadonlyMap<string, Verifier>,
): RecordKinds[K] {
  const record = parse(path, bytes)
  const problem = recordProblem(record, CHECKS[kind])
  if (problem !== undefined) throw invalid(path, problem)
  const document = record as RecordKinds[K]
  checkPlace(document, kind, path, vault)
  if (!Buffer.from(encodeRecord(document)).equals(bytes)) {
    throw bytes.includes(CR) ? converted(path) : invalid(path, NOT_ENCODED)
  }
  if (owners !== undefined) checkSignature(document, owners)
  if (isOfNewerFormat(document)) throw newer(path, document.format, kind)
  return document
}

const CR = 0x0d
const NOT_ENCODED = "it is not in the one encoding of a record"

/** Nobody signs line ends. Git passes over files as it wrote them, until its index forgets them. */
function converted(path: string): VaultError {
  const files = `-- ${VAULT_FOLDER} ':!*.yaml' ':!*.gitattributes'`
  return new VaultError("RECORD_INVALID", `${path} is not a valid record: its line ends are CRLF`, {
    hint: `Git converts them: put the line "${ATTRIBUTE_LINES[0]}" into ${VAULT_FOLDER}/${ATTRIBUTES}, then: git rm -rq --cached ${files} && git restore --source=HEAD --staged --worktree ${files}`,
  })
}

/** {@link decodeRecord} for bytes whose encoding, schema and signature were checked before. */
export function decodeVerifiedRecord<K extends keyof RecordKinds>(
  kind: K,
  path: string,
  bytes: Uint8Array,
  vault: string,
): RecordKinds[K] {
  const document = parse(path, bytes) as RecordKinds[K]
  checkPlace(document, kind, path, vault)
  // A newer program may have verified it, and remembered that.
  if (isOfNewerFormat(document)) throw newer(path, document.format, kind)
  return document
}

/** Signs `body` as an owner. */
export function signRecord<R extends VaultDocument>(body: Unsigned<R>, key: SigningKey): R {
  const content = { ...body, format: formatOf(body), signature: { signer: key.signer } }
  const ed25519 = key.sign(body.kind, withoutUndefined(content))
  const signature = { signer: key.signer, ed25519 }
  return { ...withoutUndefined(content), signature } as unknown as R
}

/** What a record says, to be changed and signed again. */
export function unsigned<R extends VaultDocument>(record: R): Unsigned<R> {
  const { signature: _signature, format: _format, ...body } = record
  return body
}

/** Throws `SIGNATURE_INVALID` unless one of `owners` (by signer) signed the record. */
export function checkSignature(record: VaultDocument, owners: ReadonlyMap<string, Verifier>): void {
  const { signer, ed25519 } = record.signature
  const verifies = owners.get(signer)
  if (verifies === undefined) {
    throw new VaultError("SIGNATURE_INVALID", `${record.path} is signed by ${signer}, no owner`, {
      hint: "somebody without an owner's key changed it; see: agent-vault check",
    })
  }
  if (!verifies(record.kind, signedBody(record), ed25519)) {
    throw new VaultError("SIGNATURE_INVALID", `${record.path} is not what its owner signed`, {
      hint: `somebody changed it; ${bringBack(record.path)}`,
    })
  }
}

/** What of a record its signature is made over. */
export function signedBody(record: VaultDocument): Signable {
  return withoutUndefined({ ...record, signature: { signer: record.signature.signer } })
}

function checkPlace(document: VaultDocument, kind: string, path: string, vault?: string): void {
  if (document.kind !== kind) throw invalid(path, `it is the record of a ${document.kind}`)
  if (document.path !== path) throw invalid(path, `it was signed as ${document.path}`)
  if (vault !== undefined && document.vault !== vault) {
    throw invalid(path, `it belongs to another vault, ${document.vault}`)
  }
}

function parse(path: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch (cause) {
    if (hasMergeMarkers(bytes)) throw inConflict(path)
    throw invalid(path, "it is not valid JSON", cause)
  }
}

function inConflict(path: string): VaultError {
  return new VaultError("RECORD_INVALID", `${path} is in the middle of a merge`, {
    hint: settledBy(path),
  })
}

function invalid(path: string, why: string, cause?: unknown): VaultError {
  return new VaultError("RECORD_INVALID", `${path} is not a valid record: ${why}`, {
    hint: bringBack(path),
    cause,
  })
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, member]) => [key, sortKeys(member)]))
}

/** Optional members that are undefined are absent in JSON, so they are absent when signing. */
function withoutUndefined(value: object): { readonly [key: string]: Signable } {
  return JSON.parse(JSON.stringify(value)) as { readonly [key: string]: Signable }
}
