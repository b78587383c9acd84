import { type SecretMetadata, checkMetadata, metadataOf } from "../records/secret-metadata.js"
import { type WrittenUse, areSameUses, parseUse } from "../records/use.js"
import { requirePersonToWiden, withRules } from "./change-use.js"
import { LIMITS, mebibytes } from "../words/limits.js"
import { seal, unseal } from "../age/age.js"
import { type ChangeRequest, type Outcome, change } from "./change.js"
import { VaultError } from "../words/errors.js"
import { openGroupKey, readSigned } from "../vault/group-key.js"
import { secretPath, secretRecordPath } from "../words/layout.js"
import { type SecretName, parseSecretName } from "../words/names.js"
import {
  type GroupRecord,
  type SecretRecord,
  type Unsigned,
  digestOf,
  encodeRecord,
  unsigned,
} from "../records/record.js"
import type { ExposedSecret } from "./rekey.js"
import { precedentsOf } from "./precedent.js"
import { refuseCollisions } from "./free-name.js"
import { type GroupReader, readersOfGroup, readyGroup } from "./ready-group.js"
import { type Session, putRecord } from "./session.js"
import { utc } from "../words/time.js"
import { isWeaker } from "../policy/reveal.js"
import { findSecret } from "../vault/vault.js"

export interface SetRequest extends ChangeRequest {
  /** `GROUP/NAME` */
  readonly name: string
  readonly value: Uint8Array
  /** What is given replaces what the record says; the rest stays. */
  readonly metadata: SecretMetadata
  /** Rules for the broker that are added to those that it has. */
  readonly use?: readonly WrittenUse[] | undefined
  /** Refuses, with `EXISTS`, to replace a value that is there. */
  readonly ifMissing?: boolean | undefined
}

/** What `set` did. */
export interface SetResult {
  readonly name: string
  readonly version: number
  readonly is: "new" | "new version" | "metadata" | "unchanged"
  /** The group was made for it. */
  readonly newGroup: boolean
  /** A group of almost the same name, when a new one was made. */
  readonly similarGroup?: string
  /** Who can read it now, besides the owners. */
  readonly readers: readonly GroupReader[]
  /** Values exposed because grants of the group had run out. */
  readonly exposed: readonly ExposedSecret[]
}

/**
 * Seals a value to its group, making the group if it is new. The same value changes nothing.
 * Throws `NAME_INVALID`, `VALUE_TOO_LARGE`, `PENDING`, `EXISTS`.
 */
export function setSecret(request: SetRequest): Promise<Outcome<SetResult>> {
  const name = parseSecretName(request.name)
  const { value, metadata } = request
  const rules = (request.use ?? []).map(parseUse)
  if (value.length > LIMITS.value) {
    throw new VaultError("VALUE_TOO_LARGE", `the value has ${value.length} bytes`, {
      hint: `a secret holds at most ${LIMITS.value} bytes (${mebibytes(LIMITS.value)})`,
    })
  }
  checkMetadata(metadata)
  return change(request, async (session) => {
    refuseCollisions(session, [name])
    if (request.ifMissing === true) refuseThere(session, name)
    const ready = await readyGroup(session, name.group)
    const { record: group, isNew: newGroup, exposed } = ready
    const similarGroup = ready.similar === undefined ? {} : { similarGroup: ready.similar }
    const before = findSecret(session.vault, name)
    const isSame = before !== undefined && (await holds(session, name, before, group, value))
    const use = withRules(name, before?.use ?? [], rules)
    requirePersonToWiden(session, name, before?.use ?? [], use)
    const said = { ...metadata, ...(use.length === 0 ? {} : { use }) }
    const is = await putSecret(session, name, before, group, isSame ? undefined : value, said)
    const version = findSecret(session.vault, name)?.version ?? 0
    const readers = readersOfGroup(group)
    const result = { name: name.full, version, is, newGroup, ...similarGroup, readers, exposed }
    return { result, message: `set ${name.full}` }
  })
}

async function holds(
  session: Session,
  name: SecretName,
  record: SecretRecord,
  group: GroupRecord,
  value: Uint8Array,
): Promise<boolean> {
  // What was set under an earlier key is sealed anew, whatever it is.
  if (record.sealedTo !== digestOf(group.recipient)) return false
  const key = await openGroupKey(session.vault, name.group, group, [session.identity])
  const sealed = readSigned(session.vault, secretPath(name), record.digest)
  return Buffer.from(await unseal(sealed, [key])).equals(value)
}

/** Writes what is new: a value with its record, the record alone, or nothing. */
async function putSecret(
  session: Session,
  name: SecretName,
  before: SecretRecord | undefined,
  group: GroupRecord,
  value: Uint8Array | undefined,
  metadata: SecretMetadata & Pick<SecretRecord, "use">,
): Promise<SetResult["is"]> {
  const previous = before === undefined ? {} : { previous: digestOf(encodeRecord(before)) }
  const kept = before === undefined ? undefined : unsigned(before)
  const body = value === undefined ? kept : await sealValue(session, name, before, group, value)
  if (body === undefined) throw new VaultError("BUG", "no value and no record")
  const isNewMetadata =
    Object.entries(metadataOf(metadata)).some(
      ([key, given]) => before?.[key as keyof SecretMetadata] !== given,
    ) || !areSameUses(metadata.use, before?.use)
  if (value === undefined && !isNewMetadata) return "unchanged"
  if (before !== undefined && metadata.reveal !== undefined) {
    if (isWeaker(metadata.reveal, before.reveal)) {
      session.requirePerson(`let models see ${name.full}`)
    }
  }
  putRecord<SecretRecord>(session, { ...body, ...previous, ...metadata, serial: body.serial + 1 })
  if (value === undefined) return "metadata"
  return before === undefined ? "new" : "new version"
}

/** Seals a value; hands back its record, with the serial of the one before. */
async function sealValue(
  session: Session,
  name: SecretName,
  before: SecretRecord | undefined,
  group: GroupRecord,
  value: Uint8Array,
): Promise<Unsigned<SecretRecord>> {
  const now = utc(session.now)
  const path = secretRecordPath(name)
  const sealed = await seal(value, [group.recipient])
  session.draft.write(secretPath(name), sealed)
  return {
    created: now,
    ...(before === undefined ? {} : rotated(before)),
    kind: "secret",
    vault: session.vault.id,
    path,
    serial: before?.serial ?? (await precedentsOf(session, [path])).get(path)?.serial ?? 0,
    version: (before?.version ?? 0) + 1,
    sealedTo: digestOf(group.recipient),
    digest: digestOf(sealed),
    changed: now,
  }
}

/** What stays of a record whose value is replaced. The new value is not exposed to anyone. */
function rotated(record: SecretRecord): Omit<Unsigned<SecretRecord>, "exposed"> {
  const { exposed: _exposed, ...kept } = unsigned(record)
  return kept
}

function refuseThere(session: Session, name: SecretName): void {
  if (findSecret(session.vault, name) === undefined) return
  throw new VaultError("EXISTS", `${name.full} is there already`, {
    hint: `an owner gives it another value: agent-vault set ${name.full}`,
  })
}
