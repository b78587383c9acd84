import { LIMITS } from "../words/limits.js"
import { inHome } from "../disk/homes.js"
import { readRegularFile, replaceFile } from "../disk/files.js"

const DIGEST_BYTES = 32
/** As many signatures as cost about what reading the file does. */
const MANY = 100

/** So many states of vault.json are kept in mind; a process that lives for days sees others. */
const MOST_STATES = 4

/** What this process verified itself, by the digest of the vault.json that it was verified under. */
const verifiedHere = new Map<string, Set<string>>()

/**
 * The digests of records that were verified before, under one vault.json: their encoding, schema
 * and signature need not be verified again. What this process verified itself, it knows; the file is
 * loaded only when a command reads many. It lies in the state folder, beside the pin, and deserves as
 * much trust as it.
 */
export class VerifiedRecords {
  readonly #file: string | undefined
  #kept: Set<string> | undefined
  readonly #fresh = new Set<string>()
  readonly #here: Set<string>

  /** Under the vault.json of this digest. Without a file, nothing is kept beyond this process. */
  constructor(owned: string, file: string | undefined) {
    this.#file = file
    this.#here = verifiedHere.get(owned) ?? new Set()
    // The last one used is the last to be let go.
    verifiedHere.delete(owned)
    verifiedHere.set(owned, this.#here)
    const [oldest] = verifiedHere.keys()
    if (verifiedHere.size > MOST_STATES && oldest !== undefined) verifiedHere.delete(oldest)
  }

  has(digest: string): boolean {
    if (this.#here.has(digest)) return true
    if (this.#fresh.size < MANY) return false
    this.#kept ??= this.#load()
    return this.#kept.has(digest)
  }

  add(digest: string): void {
    this.#fresh.add(digest)
    this.#here.add(digest)
  }

  /** Keeps what is new, if it is much. */
  save(): void {
    const file = this.#file
    if (file === undefined || this.#fresh.size < MANY) return
    const kept = this.#kept ?? this.#load()
    const before = kept.size
    for (const digest of this.#fresh) kept.add(digest)
    if (kept.size - before < MANY) return
    const bytes = [...kept].map((digest) => Buffer.from(digest.slice("sha256:".length), "hex"))
    inHome("state", () => replaceFile(file, Buffer.concat(bytes), 0o600))
  }

  #load(): Set<string> {
    const file = this.#file
    const bytes = file && inHome("state", () => readRegularFile(file, LIMITS.verifiedRecords))
    const hex = Buffer.from(bytes ?? []).toString("hex")
    const count = Math.floor(hex.length / (2 * DIGEST_BYTES))
    const digests = Array.from({ length: count }, (_, index) =>
      hex.slice(index * 2 * DIGEST_BYTES, (index + 1) * 2 * DIGEST_BYTES),
    )
    return new Set(digests.map((digest) => `sha256:${digest}`))
  }
}
