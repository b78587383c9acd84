import { Draft } from "./draft.js"
import { VaultError } from "../words/errors.js"
import { FolderFiles } from "../disk/files.js"
import { type BlobId, type Git } from "../git/git.js"
import { blobId } from "../git/git-objects.js"
import type { Environment } from "../disk/homes.js"
import type { Identity } from "../keys/identity.js"
import { MANIFEST, VAULT_FOLDER } from "../words/layout.js"
import type { ManifestEdit } from "../records/manifest-edits.js"
import {
  type Grant,
  type Manifest,
  type ParsedManifest,
  edited,
  parseForEdits,
} from "../records/manifest.js"
import { type Place, gitPath } from "../disk/place.js"
import {
  type OwnerEntry,
  type SecretRecord,
  type Unsigned,
  type VaultDocument,
  decodeRecord,
  digestOf,
  encodeRecord,
  signRecord,
  unsigned,
} from "../records/record.js"
import { type SigningKey, signingKey } from "../records/signature.js"
import { findAnchor } from "../memory/trust.js"
import { type Vault, openVaultFiles, readVaultRecord, rememberAccess } from "../vault/vault.js"
import { memoryOf } from "../memory/memory.js"
import { type Confirmed, requirePerson } from "../policy/person.js"
import type { Progress } from "../words/progress.js"

/** Who works on a vault, and when. */
export interface SessionRequest {
  readonly identity: Identity
  readonly env: Environment
  readonly now: Date
  readonly onProgress?: Progress | undefined
  /** That a person confirmed what gives access; only asked for under an agent's harness. */
  readonly person?: Confirmed | undefined
  /** Computes everything and writes nothing. */
  readonly dryRun?: boolean | undefined
}

/** An owner at work on a draft of the vault: everything that is read is verified and fresh. */
export interface Session {
  readonly vault: Vault
  readonly draft: Draft
  readonly owner: OwnerEntry
  readonly key: SigningKey
  /** The owner's age identity. */
  readonly identity: string
  readonly now: Date
  readonly git: Git
  /** The folder of the vault, from the top of the work tree. */
  readonly folder: string
  readonly env: Environment
  readonly onProgress: Progress
  /** Refuses what gives access, unless a person stands behind it. Throws `UNCONFIRMED`. */
  readonly requirePerson: (what: string) => void
}

/** The blob of each file of the vault when it was first read; undefined: it was not there. */
export type Observed = ReadonlyMap<string, BlobId | undefined>

/**
 * Opens the vault for an owner. `observed` fills with the blob of every file that is read, since
 * they are what the change is decided upon. Throws `NOT_OWNER` and the codes of exit 4 and 5.
 */
export function openSession(
  git: Git,
  place: Place,
  request: SessionRequest,
): { session: Session; observed: Observed } {
  const observed = new Map<string, BlobId | undefined>()
  const files = new FolderFiles(place.root, (path, bytes) => {
    if (!observed.has(path)) observed.set(path, bytes && blobId(bytes, git.hash))
  })
  const draft = new Draft(files)
  const { env, identity, now } = request
  const id = readVaultRecord(draft).vault
  const anchor = findAnchor(id, identity.trust, env)
  const vault = openVaultFiles(draft, anchor, memoryOf(id, place, env))
  rememberAccess(vault)
  const owner = requireOwner(vault, identity)
  const key = signingKey(identity.identity)
  const onProgress = request.onProgress ?? (() => {})
  const folder = gitPath(git.checkout, place.root)
  // What is only computed gives nobody anything.
  const person = request.dryRun === true ? "confirmed" : request.person
  const attendance = { under: identity.under, person }
  const common = {
    git,
    folder,
    env,
    now,
    onProgress,
    requirePerson: (what: string) => requirePerson(what, attendance),
  }
  return { session: { vault, draft, owner, key, identity: identity.identity, ...common }, observed }
}

/** The record of a secret that follows this one: the same, counted on, and chained to it. */
export function following(record: SecretRecord): Unsigned<SecretRecord> {
  const previous = digestOf(encodeRecord(record))
  return { ...unsigned(record), serial: record.serial + 1, previous }
}

/** Signs a record and puts it into the draft. */
export function putRecord<R extends VaultDocument>(session: Session, body: Unsigned<R>): R {
  const record = signRecord<R>(afterCommitted(session.draft, body), session.key)
  const bytes = encodeRecord(record)
  decodeRecord(record.kind, record.path, bytes, session.vault.id)
  session.draft.write(record.path, bytes)
  if (record.kind === "secret") session.draft.replaced.set(digestOf(bytes), record.previous)
  return record
}

/**
 * A record that the draft has already is in no commit, so one that takes its place names what that
 * one replaced: else the history would lack it for ever.
 */
function afterCommitted<R extends VaultDocument>(
  { replaced }: Draft,
  body: Unsigned<R>,
): Unsigned<R> {
  if (body.kind !== "secret") return body
  const { previous, ...first } = body as unknown as Unsigned<SecretRecord>
  if (previous === undefined || !replaced.has(previous)) return body
  const before = replaced.get(previous)
  return (before === undefined ? first : { ...first, previous: before }) as unknown as Unsigned<R>
}

// A plan asks for the manifest several times, and parsing YAML is slow.
const parsed = new WeakMap<Vault, ParsedManifest>()

/** The manifest as it stands in the draft. Throws `MANIFEST_INVALID`. */
export function readManifest(session: Session): Manifest {
  return parsedManifest(session).manifest
}

/** Edits the manifest in the draft. */
export function editDraftManifest(session: Session, edits: readonly ManifestEdit[]): void {
  if (edits.length === 0) return
  const before = parsedManifest(session)
  parsed.delete(session.vault)
  const after = edited(before, edits)
  session.draft.write(MANIFEST, after.bytes)
  parsed.set(session.vault, after)
}

/** Takes lines of grants out of the manifest in the draft. */
export function dropGrants(session: Session, isMeant: (grant: Grant) => boolean): void {
  const lines = readManifest(session).grants.filter(isMeant)
  editDraftManifest(
    session,
    lines.map(({ agent, group }) => ({ do: "drop-grant", agent, group })),
  )
}

function parsedManifest(session: Session): ParsedManifest {
  const { vault } = session
  const bytes = manifestBytes(session)
  const known = parsed.get(vault)
  if (known !== undefined && Buffer.from(bytes).equals(known.bytes)) return known
  const now = parseForEdits(bytes, vault.id)
  parsed.set(vault, now)
  return now
}

function manifestBytes(session: Session): Uint8Array {
  const bytes = session.draft.read(MANIFEST)
  if (bytes !== undefined) return bytes
  throw new VaultError("MANIFEST_INVALID", `${MANIFEST} is missing`, {
    hint: `bring it back with git: git restore -- ${VAULT_FOLDER}/${MANIFEST}`,
  })
}

/** The owner whose key this is. Throws `NOT_OWNER`. */
export function requireOwner(vault: Vault, identity: Identity): OwnerEntry {
  const owner = vault.owners.find(({ recipient }) => recipient === identity.recipient)
  if (owner !== undefined) return owner
  const who = identity.agent === undefined ? "this key" : `the agent ${identity.agent}`
  throw new VaultError("NOT_OWNER", `${who} (${identity.decidedBy}) is not an owner of the vault`, {
    hint: `only an owner changes a vault: ${otherThan(identity.decidedBy)}`,
  })
}

/** How not to act with the key that this decided. */
function otherThan(decidedBy: string): string {
  const [variable = ""] = decidedBy.split(" ")
  if (variable.startsWith("AGENT_VAULT_")) return `unset ${variable}`
  if (/^--(agent|identity) /.test(decidedBy)) return `leave out ${decidedBy}`
  return "act with an owner's key (--identity FILE; in the SDK: identityFile)"
}
