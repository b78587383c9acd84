import { dirname, join } from "node:path"
import { VaultError } from "../words/errors.js"
import type { Environment } from "../disk/homes.js"
import { journalFile } from "../disk/journal-file.js"
import type { Key } from "../keys/key-files.js"
import {
  VAULT_RECORD,
  groupKeyPath,
  groupRecordPath,
  secretPath,
  secretRecordPath,
} from "../words/layout.js"
import type { SecretName } from "../words/names.js"
import { withVault } from "../vault/open.js"
import { type Place, findVault } from "../disk/place.js"
import {
  type Door,
  type GroupKeys,
  type ReadEvent,
  type SecretRead,
  readAgain,
  readSecret,
} from "../vault/read.js"
import { type Stamp, stampOf } from "../disk/stamp.js"
import { pinFile } from "../memory/trust.js"
import type { Vault } from "../vault/vault.js"

/** Who reads, where, and who is told. */
export interface ReaderRequest {
  readonly place: Place
  readonly key: Key
  readonly env: Environment
  readonly door: Door
  /** Told of every read before the value is handed out; if it throws, the value is not. */
  readonly onRead?: ((event: ReadEvent) => void) | undefined
}

/** The files and folders behind a value, as they are or were. */
interface Behind {
  readonly paths: readonly string[]
  readonly stamp: Stamp
}

/** A value that was read, and what it was read from. */
interface Remembered extends Behind {
  readonly vault: Vault
  readonly read: SecretRead
}

/** Bytes of values that are kept; beyond them all are let go, and read anew when asked for. */
const KEPT_BYTES = 64 * 1024 * 1024
/** Keys of groups that are kept; each rekey brings another one. */
const KEPT_KEYS = 100
/** For how long values that change while they are read together are read again. */
const PATIENCE_MS = 2000

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
    const { place, key, env } = this.#request
    // Another branch may be checked out since, and has marks of its own.
    this.#place = findVault(dirname(place.root))
    if (place.checkout !== undefined && this.#place.checkout === undefined) throw forgetful(place)
    return withVault(this.#place, key.trust, env, (vault) => {
      this.#refuseOther(vault)
      return work(vault)
    })
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
      if (remembered === undefined || isOther(remembered)) return undefined
      found.push(remembered)
    }
    const events: ReadEvent[] = []
    const options = this.#options((event) => events.push(event))
    for (const { vault, read } of found) readAgain(vault, this.#request.key, read, options)
    // Only now: one that is refused holds back all.
    this.#tell(events)
    return found.map(({ read }) => ({ ...read, value: Uint8Array.from(read.value) }))
  }

  async #fromFiles(names: readonly SecretName[]): Promise<SecretRead[]> {
    for (const name of names) this.#drop(name)
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      const behind = names.map((name) => this.#behind(name))
      const { vault, reads, events } = await this.#readOnce(names)
      if (names.length > 1 && behind.some(isOther)) {
        if (Date.now() > deadline) throw changing()
        continue
      }
      // Only now: what did not fit together was read again.
      this.#tell(events)
      for (const [at, each] of behind.entries()) {
        const read = reads[at]
        if (read !== undefined && each.stamp.isSettled) this.#keep({ ...each, vault, read })
      }
      return reads
    }
  }

  #readOnce(names: readonly SecretName[]) {
    return this.with(async (verified) => {
      const told: ReadEvent[] = []
      const options = this.#options((event) => told.push(event))
      const values: SecretRead[] = []
      for (const name of names) {
        values.push(await readSecret(verified, this.#request.key, name, options))
      }
      return { vault: verified, reads: values, events: told }
    })
  }

  #tell(events: readonly ReadEvent[]): void {
    for (const event of events) this.#request.onRead?.(event)
  }

  #options(onRead: ((event: ReadEvent) => void) | undefined) {
    return { door: this.#request.door, now: new Date(), groupKeys: this.#groupKeys, onRead }
  }

  #keep(remembered: Remembered): void {
    const { read } = remembered
    if (this.#kept + read.value.length > KEPT_BYTES) this.forget()
    if (this.#groupKeys.size > KEPT_KEYS) this.#groupKeys.clear()
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
  #behind(name: SecretName): Behind {
    const { root, checkout } = this.#place
    const files = [
      VAULT_RECORD,
      groupRecordPath(name.group),
      groupKeyPath(name.group),
      secretRecordPath(name),
      secretPath(name),
    ]
    const folders = new Set(files.flatMap(foldersOf))
    const paths = [...files, ...folders].map((path) => join(root, path))
    paths.push(pinFile(this.#vault, this.#request.env))
    if (checkout !== undefined) {
      paths.push(join(checkout.gitFolder, "HEAD"), journalFile(checkout.gitFolder))
    }
    return { paths, stamp: stampOf(paths) }
  }

  /** Where nothing remembers which vault lay here, in an image say, this does. */
  #refuseOther({ id }: Vault): void {
    if (id === this.#vault) return
    throw new VaultError("FOREIGN_VAULT", `the vault ${id} lies where ${this.#vault} was opened`, {
      hint: "bring the right one back, or open this one: openVault()",
    })
  }
}

/** Without its repository a vault has no memory, and could be set back to what let anybody in. */
function forgetful({ root }: Place): VaultError {
  return new VaultError("REPOSITORY_STATE", `the repository around ${root} is gone`, {
    hint: "bring it back, or open the vault anew",
  })
}

function isOther({ paths, stamp }: Behind): boolean {
  return stamp.text !== stampOf(paths).text
}

/** The folders above a file, up to the vault's own. */
function foldersOf(path: string): string[] {
  const folder = dirname(path)
  return folder === "." ? ["."] : [folder, ...foldersOf(folder)]
}

function changing(): VaultError {
  return new VaultError("BUSY", "what is to be read together changes all the time", {
    hint: "try again when the vault is not being changed",
  })
}
