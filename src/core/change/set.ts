import { type SecretMetadata, checkMetadata, metadataOf } from "../records/secret-metadata.js"
import { type WrittenUse, areSameUses, parseUse } from "../records/use.js"
import { requirePersonToWiden, withRules } from "./change-use.js"
import { LIMITS, mebibytes } from "../words/limits.js"
import { seal, unseal } from "../age/age.js"
import { type ChangeRequest, type Outcome, change } from "./change.js"
import { pendingError, planAccess, planEdit } from "./draft-plan.js"
import { executePlan } from "./execute-plan.js"
import { VaultError } from "../words/errors.js"
import { openGroupKey, readSigned } from "../vault/group-key.js"
import { secretPath, secretRecordPath } from "../words/layout.js"
import { type SecretName, foldedCollision, nearest, parseSecretName } from "../words/names.js"
import { type Plan, isExpiryOnly } from "../vault/plan.js"
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
import { type Session, editDraftManifest, putRecord } from "./session.js"
import { hasPassed, utc } from "../words/time.js"
import { isWeaker } from "../policy/reveal.js"
import {
  findSecret,
  getGroup,
  listGroups,
  listSecrets,
  refuseSealingToOlder,
} from "../vault/vault.js"

export interface SetRequest extends ChangeRequest {
  /** `GROUP/NAME` */
  readonly name: string
  readonly value: Uint8Array
  /** What is given replaces what the record says; the rest stays. */
  readonly metadata: SecretMetadata
  /** Rules for the broker that are added to those that it has. */
  readonly use?: readonly WrittenUse[] | undefined
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
  readonly readers: readonly { readonly agent: string; readonly until?: string }[]
  /** Values exposed because grants of the group had run out. */
  readonly exposed: readonly ExposedSecret[]
}

/**
 * Seals a value to its group, making the group if it is new. The same value changes nothing.
 * Throws `NAME_INVALID`, `VALUE_TOO_LARGE`, `PENDING`.
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
    refuseCollision(session, name)
    const { newGroup, similarGroup, exposed } = await prepareGroup(session, name.group)
    const group = getGroup(session.vault, name.group)
    refuseSealingToOlder(session.vault, group)
    const before = findSecret(session.vault, name)
    const isSame = before !== undefined && (await holds(session, name, before, group, value))
    const use = withRules(name, before?.use ?? [], rules)
    requirePersonToWiden(session, name, before?.use ?? [], use)
    const said = { ...metadata, ...(use.length === 0 ? {} : { use }) }
    const is = await putSecret(session, name, before, group, isSame ? undefined : value, said)
    const version = findSecret(session.vault, name)?.version ?? 0
    const readers = group.members.map(({ agent, until }) => ({
      agent,
      ...(until === undefined ? {} : { until }),
    }))
    const result = { name: name.full, version, is, newGroup, ...similarGroup, readers, exposed }
    return { result, message: `set ${name.full}` }
  })
}

/** Brings the group into being, or rid of grants that ran out, before anything is sealed to it. */
async function prepareGroup(
  session: Session,
  group: string,
): Promise<{
  newGroup: boolean
  similarGroup: { similarGroup?: string }
  exposed: readonly ExposedSecret[]
}> {
  const groups = listGroups(session.vault)
  const newGroup = !groups.includes(group)
  const plan = newGroup
    ? planEdit(session, () => editDraftManifest(session, [{ do: "add-group", group }]), [group])
    : expiries(session, group)
  const exposed = await executePlan(session, plan)
  const similar = newGroup ? nearest(group, groups) : undefined
  return { newGroup, similarGroup: similar === undefined ? {} : { similarGroup: similar }, exposed }
}

/**
 * A pending grant does not stop a `set`; a pending loss does, since the value would still be
 * sealed to someone whom the manifest has taken out. So does a later end that the manifest gives
 * to a grant that has ended: anybody may have written it there.
 */
function expiries(session: Session, group: string): Plan {
  const plan = planAccess(session)
  const own = plan.groups.filter((entry) => entry.group === group)
  const now = utc(session.now)
  const loss = own.find(
    (entry) =>
      !isExpiryOnly(entry) &&
      (entry.losses.length > 0 ||
        entry.is === "gone" ||
        entry.retimed.some(({ from }) => hasPassed(from, now))),
  )
  if (loss !== undefined) throw pendingError([loss])
  return { ...plan, groups: own.filter(isExpiryOnly) }
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

function refuseCollision(session: Session, name: SecretName): void {
  const other = foldedCollision(
    name.full,
    listSecrets(session.vault).map(({ full }) => full),
  )
  const taken = other ?? foldedCollision(name.group, listGroups(session.vault))
  if (taken === undefined) return
  throw new VaultError("NAME_INVALID", `${collision(name.full, taken)} differ only in case`, {
    hint: "on many disks they would be one file: choose another name",
  })
}

/** What it is of two names that differs only in case: the groups, folders, or secrets themselves. */
function collision(name: string, taken: string): string {
  const [own, other] = [name.split("/"), taken.split("/")]
  const length = own.findIndex((segment, at) => segment !== other[at]) + 1
  const [one, two] = [own, other].map((each) => each.slice(0, length).join("/"))
  return `${length === 1 ? "the groups " : ""}${one} and ${two}`
}
