import { type Unlock, sealer, unlocker } from "../age/age.js"
import { refuseOtherNote } from "../records/canary.js"
import { exposures } from "../records/exposures.js"
import type { Reach } from "../records/reach.js"
import {
  type GroupRecord,
  type SecretRecord,
  type Unsigned,
  digestOf,
  encodeRecord,
  unsigned,
} from "../records/record.js"
import { type SecretMetadata, metadataOf } from "../records/secret-metadata.js"
import { isSameLease } from "../records/lease.js"
import { isSameSource } from "../records/source.js"
import { areSameUses } from "../records/use.js"
import { isWeaker } from "../policy/reveal.js"
import { openGroupKey, readSigned } from "../vault/group-key.js"
import { findSecret } from "../vault/vault.js"
import { secretPath, secretRecordPath } from "../words/layout.js"
import type { SecretName } from "../words/names.js"
import { utc } from "../words/time.js"
import { precedentsOf } from "./precedent.js"
import { type Session, putRecord } from "./session.js"

/** How a value was stored, or that it was there already. */
export type StoredAs = "new" | "new version" | "metadata" | "unchanged"

/** What a record is to say beside its value; it is exposed to whom it was as well, while it is the same. */
type SaidOfSecret = SecretMetadata & Pick<SecretRecord, "use" | "source" | "lease" | "exposed">

/** Stores secrets of one group: its keys are parsed and opened once, however many they are. */
export class SecretStore {
  readonly #session: Session
  readonly #group: GroupRecord
  readonly #precedents: ReadonlyMap<string, Reach>
  readonly #seal: ReturnType<typeof sealer>
  #unlock: Promise<Unlock> | undefined

  private constructor(
    session: Session,
    group: GroupRecord,
    precedents: ReadonlyMap<string, Reach>,
  ) {
    this.#session = session
    this.#group = group
    this.#precedents = precedents
    this.#seal = sealer([group.recipient])
  }

  /** Made for these names, whose records may have been removed before. */
  static async for(
    session: Session,
    group: GroupRecord,
    names: readonly SecretName[],
  ): Promise<SecretStore> {
    const made = names.filter((name) => findSecret(session.vault, name) === undefined)
    return new SecretStore(session, group, await precedentsOf(session, made.map(secretRecordPath)))
  }

  /**
   * Writes what is new: a value with its record, the record alone, or nothing. Rejects with `USAGE` for
   * what no lease can be taken with, and for another value in the place of a canary's note.
   */
  async put(name: SecretName, value: Uint8Array, said: SaidOfSecret): Promise<StoredAs> {
    refuseOtherNote(name, value)
    const before = findSecret(this.#session.vault, name)
    const lease = "lease" in said ? said.lease : before?.lease
    if (lease !== undefined) {
      const { requireFit } = await import("../leases/issuers.js")
      requireFit(name, lease, value)
    }
    const isSame =
      before !== undefined &&
      isSameSource(before.source, said.source) &&
      !(said.source !== undefined && isExposed(before)) &&
      (await this.#holds(name, before, value))
    const body = isSame ? unsigned(before) : await this.#sealed(name, before, value)
    if (isSame && !saysMore(said, before)) return "unchanged"
    if (before !== undefined && said.reveal !== undefined) {
      if (isWeaker(said.reveal, before.reveal)) {
        this.#session.requirePerson(`let models see ${name.full}`)
      }
    }
    const previous = before === undefined ? {} : { previous: digestOf(encodeRecord(before)) }
    putRecord<SecretRecord>(this.#session, {
      ...body,
      ...previous,
      ...said,
      ...exposures([...(body.exposed ?? []), ...(said.exposed ?? [])], body.exposedToOwners ?? []),
      serial: body.serial + 1,
    })
    if (isSame) return "metadata"
    return before === undefined ? "new" : "new version"
  }

  async #holds(name: SecretName, record: SecretRecord, value: Uint8Array): Promise<boolean> {
    // What was set under an earlier key is sealed anew, whatever it is.
    if (record.sealedTo !== digestOf(this.#group.recipient)) return false
    const { vault, identity } = this.#session
    this.#unlock ??= openGroupKey(vault, name.group, this.#group, [identity]).then((key) =>
      unlocker([key]),
    )
    const unlock = await this.#unlock
    const sealed = readSigned(vault, secretPath(name), record.digest)
    return Buffer.from(await unlock(sealed)).equals(value)
  }

  /** Seals a value; hands back its record, with the serial of the one before. */
  async #sealed(
    name: SecretName,
    before: SecretRecord | undefined,
    value: Uint8Array,
  ): Promise<Unsigned<SecretRecord>> {
    const now = utc(this.#session.now)
    const path = secretRecordPath(name)
    const sealed = await this.#seal(value)
    this.#session.draft.write(secretPath(name), sealed)
    return {
      created: now,
      ...(before === undefined ? {} : rotated(before)),
      kind: "secret",
      vault: this.#session.vault.id,
      path,
      serial: before?.serial ?? this.#precedents.get(path)?.serial ?? 0,
      version: (before?.version ?? 0) + 1,
      sealedTo: digestOf(this.#group.recipient),
      digest: digestOf(sealed),
      changed: now,
    }
  }
}

/** The same reference again is an owner's word that the store has another value. */
function isExposed({ exposed = [], exposedToOwners = [] }: SecretRecord): boolean {
  return exposed.length + exposedToOwners.length > 0
}

/** Whether metadata says anything that a record does not. */
function saysMore(said: SaidOfSecret, record: SecretRecord): boolean {
  const isNew = Object.entries(metadataOf(said)).some(
    ([key, given]) => record[key as keyof SecretMetadata] !== given,
  )
  if ("lease" in said && !isSameLease(said.lease, record.lease)) return true
  const known = new Set(record.exposed?.map(({ agent }) => agent))
  if (said.exposed?.some(({ agent }) => !known.has(agent)) === true) return true
  return isNew || (said.use !== undefined && !areSameUses(said.use, record.use))
}

/** What stays of a record whose value is replaced. The new value is not exposed to anyone. */
function rotated(
  record: SecretRecord,
): Omit<Unsigned<SecretRecord>, "exposed" | "exposedToOwners" | "source"> {
  const { exposed: _exposed, exposedToOwners: _owners, source: _source, ...kept } = unsigned(record)
  return kept
}
