import { dirname, join } from "node:path"
import type { Environment } from "./homes.js"
import { journalFile } from "./journal-file.js"
import type { Key } from "./key-files.js"
import {
  VAULT_RECORD,
  groupKeyPath,
  groupRecordPath,
  secretPath,
  secretRecordPath,
} from "./layout.js"
import type { SecretName } from "./names.js"
import { withVault } from "./open.js"
import { type Place, findVault } from "./place.js"
import {
  type Door,
  type GroupKeys,
  type ReadEvent,
  type SecretRead,
  readAgain,
  readSecret,
} from "./read.js"
import { stampOf } from "./stamp.js"
import { pinFile } from "./trust.js"
import type { Vault } from "./vault.js"

/** Who reads, where, and who is told. */
export interface ReaderRequest {
  readonly place: Place
  readonly key: Key
  readonly env: Environment
  readonly door: Door
  /** Told of every read before the value is handed out; if it throws, the value is not. */
  readonly onRead?: ((event: ReadEvent) => void) | undefined
}

/** A value that was read, and the files that it was read from, as they were then. */
interface Remembered {
  readonly files: readonly string[]
  readonly stamp: string
  readonly vault: Vault
  readonly read: SecretRead
}

/** Bytes of values that are kept; beyond them all are let go, and read anew when asked for. */
const KEPT_BYTES = 64 * 1024 * 1024

/**
 * Reads for a process that lives for days. A value comes from memory while the files that it was
 * read from are the very same, its grant has not ended, and no change is under way; else everything
 * is verified anew. So a revoke and a new version are seen at the next read, without a watcher.
 */
export class Reader {
  readonly #request: ReaderRequest
  readonly #vault: string
  #place: Place
  readonly #groupKeys: GroupKeys = new Map()
  readonly #remembered = new Map<string, Remembered>()
  #kept = 0

  /** `vault` is the id of the vault that is meant. */
  constructor(request: ReaderRequest, vault: string) {
    this.#request = request
    this.#place = request.place
    this.#vault = vault
  }

  /** Reads secrets, all from the same state of the vault. Throws as {@link readSecret} does. */
  async read(names: readonly SecretName[]): Promise<SecretRead[]> {
    return this.#fromMemory(names) ?? this.#fromFiles(names)
  }

  /** Does work with the vault as it is now, verified. */
  with<T>(work: (vault: Vault) => T | Promise<T>): Promise<T> {
    // Another branch may be checked out since, and has marks of its own.
    this.#place = findVault(dirname(this.#place.root))
    return withVault(this.#place, this.#request.key.trust, this.#request.env, work)
  }

  /** Overwrites what is remembered. */
  forget(): void {
    for (const { read } of this.#remembered.values()) read.value.fill(0)
    this.#remembered.clear()
    this.#groupKeys.clear()
    this.#kept = 0
  }

  #fromMemory(names: readonly SecretName[]): SecretRead[] | undefined {
    const found: Remembered[] = []
    for (const name of names) {
      const remembered = this.#remembered.get(name.full)
      if (remembered === undefined || remembered.stamp !== stampOf(remembered.files)) {
        return undefined
      }
      found.push(remembered)
    }
    const options = this.#options(this.#request.onRead)
    for (const { vault, read } of found) readAgain(vault, this.#request.key, read, options)
    return found.map(({ read }) => ({ ...read, value: Uint8Array.from(read.value) }))
  }

  async #fromFiles(names: readonly SecretName[]): Promise<SecretRead[]> {
    for (const name of names) this.#drop(name)
    const before = names.map((name) => {
      const files = this.#filesBehind(name)
      return { files, stamp: stampOf(files) }
    })
    const { vault, reads, events } = await this.with(async (verified) => {
      const told: ReadEvent[] = []
      const options = this.#options((event) => told.push(event))
      const values: SecretRead[] = []
      for (const name of names) {
        values.push(await readSecret(verified, this.#request.key, name, options))
      }
      return { vault: verified, reads: values, events: told }
    })
    // Only now: what did not fit together was read again.
    for (const event of events) this.#request.onRead?.(event)
    for (const [at, read] of reads.entries()) {
      const { files = [], stamp } = before[at] ?? {}
      if (stamp !== undefined) this.#keep({ files, stamp, vault, read })
    }
    return reads
  }

  #options(onRead: ((event: ReadEvent) => void) | undefined) {
    return { door: this.#request.door, now: new Date(), groupKeys: this.#groupKeys, onRead }
  }

  #keep(remembered: Remembered): void {
    const { read } = remembered
    if (this.#kept + read.value.length > KEPT_BYTES) this.forget()
    this.#drop(read.name)
    // What was handed out is the caller's; what is kept may be overwritten at any time.
    const kept = { ...read, value: Uint8Array.from(read.value) }
    this.#remembered.set(read.name.full, { ...remembered, read: kept })
    this.#kept += read.value.length
  }

  #drop(name: SecretName): void {
    const value = this.#remembered.get(name.full)?.read.value
    if (value === undefined) return
    this.#kept -= value.length
    value.fill(0)
    this.#remembered.delete(name.full)
  }

  /** Everything that decides whether this key reads this value, and what it is. */
  #filesBehind(name: SecretName): string[] {
    const { root, checkout } = this.#place
    const files = [
      VAULT_RECORD,
      groupRecordPath(name.group),
      groupKeyPath(name.group),
      secretRecordPath(name),
      secretPath(name),
    ].map((path) => join(root, path))
    files.push(pinFile(this.#vault, this.#request.env))
    if (checkout !== undefined) {
      files.push(join(checkout.gitFolder, "HEAD"), journalFile(checkout.gitFolder))
    }
    return files
  }
}
