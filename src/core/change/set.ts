import { exposures } from "../records/exposures.js"
import type { Exposure } from "../records/record.js"
import { type SecretMetadata, checkMetadata } from "../records/secret-metadata.js"
import type { Source } from "../records/source.js"
import { type Use, type WrittenUse, parseUse } from "../records/use.js"
import { parseReference } from "../sources/reference.js"
import { findSecret } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { givingWay } from "../words/giving-way.js"
import { LIMITS, mebibytes } from "../words/limits.js"
import { type SecretName, parseAgentName, parseSecretName } from "../words/names.js"
import { utc } from "../words/time.js"
import { type LeaseEdit, leaseAfter } from "./change-lease.js"
import { requirePersonToWiden, withRules } from "./change-use.js"
import { type ChangeRequest, type Outcome, change } from "./change.js"
import { refuseCollisions } from "./free-name.js"
import { type GroupReader, readersOfGroup } from "../vault/group-readers.js"
import { readyGroup } from "./ready-group.js"
import type { ExposedSecret } from "./rekey.js"
import type { Session } from "./session.js"
import { SecretStore, type StoredAs } from "./store-secret.js"

export interface SetRequest extends ChangeRequest {
  /** `GROUP/NAME` */
  readonly name: string
  readonly value: Uint8Array
  /** What is given replaces what the record says; the rest stays. */
  readonly metadata: SecretMetadata
  /** Rules for the broker that are added to those that it has. */
  readonly use?: readonly WrittenUse[] | undefined
  /** That `value` is a reference, and how long a value from there may be kept; absent: it is none. */
  readonly source?: Source | undefined
  /** How it is leased; absent: as it was. */
  readonly lease?: LeaseEdit | undefined
  /** Refuses, with `EXISTS`, to replace a value that is there. */
  readonly ifMissing?: boolean | undefined
}

/** What `set` did. */
export interface SetResult {
  readonly name: string
  readonly version: number
  readonly is: StoredAs
  /** The group was made for it. */
  readonly newGroup: boolean
  /** A group of almost the same name, when a new one was made. */
  readonly similarGroup?: string
  /** Who can read it now, besides the owners. */
  readonly readers: readonly GroupReader[]
  /** Values exposed because grants of the group had run out. */
  readonly exposed: readonly ExposedSecret[]
  /** The rules for the broker that are new, if there are any. */
  readonly added?: readonly Use[]
}

export interface SetManyRequest extends ChangeRequest {
  readonly secrets: readonly {
    /** `GROUP/NAME` */
    readonly name: string
    readonly value: Uint8Array
    /** What is given replaces what the record says; the rest stays. */
    readonly metadata?: SecretMetadata | undefined
    /** Who could read this very value where it comes from, by name: it is exposed to their keys there. */
    readonly exposedTo?: readonly string[] | undefined
  }[]
}

/** What many values did: all in one commit. */
export interface SetManyResult {
  readonly secrets: readonly Pick<SetResult, "name" | "version" | "is">[]
  readonly groups: readonly (Pick<SetResult, "newGroup" | "similarGroup" | "readers"> & {
    readonly group: string
  })[]
  /** Values exposed because grants of the groups had run out, and those that came exposed. */
  readonly exposed: readonly ExposedSecret[]
}

/**
 * Seals a value to its group, making the group if it is new. The same value changes nothing.
 * Throws `NAME_INVALID`, `VALUE_TOO_LARGE`, `PENDING`, `EXISTS`, `AGENT_NOT_FOUND`.
 */
export function setSecret(request: SetRequest): Promise<Outcome<SetResult>> {
  const name = parseSecretName(request.name)
  const { value, metadata, source } = request
  const rules = (request.use ?? []).map(parseUse)
  refuseTooLarge(name, value)
  checkMetadata(metadata)
  refuseOtherReference(source, value)
  return change(request, async (session) => {
    refuseCollisions(session, [name])
    if (request.ifMissing === true) refuseThere(session, name)
    const ready = await readyGroup(session, name.group)
    const { record: group, isNew: newGroup, exposed } = ready
    const similarGroup = ready.similar === undefined ? {} : { similarGroup: ready.similar }
    const before = findSecret(session.vault, name)
    const known = before?.use ?? []
    const lease = leaseAfter(session, name, before, request.lease, source)
    const use = withRules(name, known, rules, lease)
    requirePersonToWiden(session, name, known, use)
    const store = await SecretStore.for(session, group, [name])
    const is = await store.put(name, value, {
      ...metadata,
      ...(use.length === 0 ? {} : { use }),
      ...(source === undefined ? {} : { source }),
      lease,
    })
    const version = versionOf(session, name)
    const readers = readersOfGroup(group)
    const added = use.slice(known.length)
    const result = {
      name: name.full,
      version,
      is,
      newGroup,
      ...similarGroup,
      readers,
      exposed,
      ...(added.length === 0 ? {} : { added }),
    }
    return { result, message: `set ${name.full}` }
  })
}

/**
 * The same for many values, of one group or of several, as one commit: all or none. Throws as
 * {@link setSecret} does, and `USAGE` for a name that is given twice.
 */
export function setSecrets(request: SetManyRequest): Promise<Outcome<SetManyResult>> {
  const secrets = request.secrets.map(({ name, value, metadata = {}, exposedTo = [] }) => {
    const parsed = parseSecretName(name)
    refuseTooLarge(parsed, value)
    checkMetadata(metadata)
    return { name: parsed, value, metadata, exposedTo: exposedTo.map(parseAgentName) }
  })
  refuseTwice(secrets.map(({ name }) => name))
  return change(request, async (session) => {
    const names = secrets.map(({ name }) => name)
    refuseCollisions(session, names)
    const groups = [...new Set(names.map(({ group }) => group))]
    const ready = new Map<string, Awaited<ReturnType<typeof readyGroup>>>()
    for (const group of groups) ready.set(group, await readyGroup(session, group))
    const stored: SetManyResult["secrets"][number][] = []
    const turn = givingWay()
    const cameExposed: ExposedSecret[] = []
    for (const [group, { record }] of ready) {
      const own = secrets.filter(({ name }) => name.group === group)
      const store = await SecretStore.for(
        session,
        record,
        own.map(({ name }) => name),
      )
      for (const { name, value, metadata, exposedTo } of own) {
        const exposed = earlierKeysOf(exposedTo, session)
        const is = await store.put(name, value, { ...metadata, ...exposures(exposed, []) })
        if (exposed.length > 0) cameExposed.push({ secret: name.full, to: exposed })
        stored.push({ name: name.full, version: versionOf(session, name), is })
        session.onProgress(stored.length, secrets.length, "sealing secrets")
        await turn()
      }
    }
    const result = {
      secrets: stored,
      groups: [...ready].map(([group, { record, isNew, similar }]) => ({
        group,
        newGroup: isNew,
        ...(similar === undefined ? {} : { similarGroup: similar }),
        readers: readersOfGroup(record),
      })),
      exposed: [...[...ready.values()].flatMap(({ exposed }) => exposed), ...cameExposed],
    }
    return { result, message: `set ${stored.length} secrets of ${groups.join(", ")}` }
  })
}

/** Elsewhere they have other keys than they have here, or will have. */
function earlierKeysOf(names: readonly string[], { now }: Session): readonly Exposure[] {
  const at = utc(now)
  return names.map((agent) => ({ agent, at, why: "rekeyed" }))
}

function versionOf(session: Session, name: SecretName): number {
  return findSecret(session.vault, name)?.version ?? 0
}

function refuseTooLarge({ full }: SecretName, value: Uint8Array): void {
  if (value.length <= LIMITS.value) return
  throw new VaultError("VALUE_TOO_LARGE", `the value of ${full} has ${value.length} bytes`, {
    hint: `a secret holds at most ${LIMITS.value} bytes (${mebibytes(LIMITS.value)})`,
  })
}

/** Throws `USAGE` for a value that is no reference to this store. */
function refuseOtherReference(source: Source | undefined, value: Uint8Array): void {
  if (source === undefined) return
  if (parseReference(Buffer.from(value).toString("utf8")) === source.store) return
  throw new VaultError("USAGE", `this is not a reference of ${source.store}`)
}

function refuseTwice(names: readonly SecretName[]): void {
  const seen = new Set<string>()
  for (const { full } of names) {
    if (seen.has(full)) {
      throw new VaultError("USAGE", `${full} is given twice`, { hint: "give each secret once" })
    }
    seen.add(full)
  }
}

function refuseThere(session: Session, name: SecretName): void {
  if (findSecret(session.vault, name) === undefined) return
  throw new VaultError("EXISTS", `${name.full} is there already`, {
    hint: `an owner gives it another value: agent-vault set ${name.full}`,
  })
}
