import { dirname } from "node:path"
import { VaultError } from "../words/errors.js"
import {
  type AccessReport,
  type ReadableListing,
  type SecretListing,
  describeAccess,
  describeReadable,
  describeSecret,
} from "../vault/listing.js"
import { type SecretName, parseSecretName } from "../words/names.js"
import { apart } from "../disk/evidence.js"
import { findVault } from "../disk/place.js"
import { mayOpen } from "../policy/access.js"
import { type AskedRead, admitReader, noteRefusal } from "../vault/refusals.js"
import type { ReadFor } from "../vault/terms.js"
import { Ending } from "./ending.js"
import { Reader, type ReaderRequest } from "./reader.js"
import { SecretValue } from "../words/secret-value.js"
import { type Vault, findGroup, findSecret, getSecret, listSecrets } from "../vault/vault.js"
import type { Pulled } from "../sync/pull.js"
import { type SecretChange, type Versions, isMeant, isPassed, watchVersions } from "./watch.js"

/** How a watch looks, and until when. */
export interface WatchOptions {
  /** Milliseconds between two looks; 1,000 by default. */
  readonly every?: number
  /** Ends the watch. */
  readonly signal?: AbortSignal
}

/** How often a vault pulls by itself, in milliseconds, and who hears of a pull that failed. */
export interface Pulls {
  readonly every: number
  readonly onError: (error: unknown) => void
}

const LOOK_EVERY_MS = 1000

/**
 * A vault, opened by an agent that reads: `openVault()` makes one. It may live for days: a revoke,
 * the end of a grant and a new version are seen at the next read. Nothing here writes, and every
 * value arrives as a {@link SecretValue}.
 */
export class AgentVault implements AsyncDisposable {
  /** The vault's id, 32 hex digits. */
  readonly id: string
  /** The agent's name as its key file has it; undefined for a bare key. */
  readonly agent: string | undefined
  readonly #reader: Reader
  readonly #request: ReaderRequest
  readonly #closing = new Ending()
  /** The version of each secret when it was read last. */
  readonly #versions = new Map<string, number>()

  /** Made by `openVault()`. With `pulls` it pulls over and over, until it is closed. */
  constructor(id: string, request: ReaderRequest, pulls?: Pulls) {
    this.id = id
    this.agent = request.key.agent
    this.#request = request
    this.#reader = new Reader(request, id)
    if (pulls !== undefined) void this.#pullEvery(pulls)
  }

  /**
   * The present value of a secret. From memory, in microseconds, while nothing changed. Throws
   * `NOT_GRANTED`, `GRANT_ENDED`, `SECRET_NOT_FOUND`, `NAME_INVALID`, and the codes of exit 5 for a
   * vault that was tampered with. `by` is what the audit notes of this read, in a process that reads
   * for many conversations.
   *
   * @example
   * const key = await vault.get("stripe/api-key")
   * key.reveal() // "sk_live_…"
   */
  async get(name: string, by?: ReadFor): Promise<SecretValue> {
    const [value] = await this.#read([parseSecretName(name)], by)
    if (value === undefined) throw new TypeError("one name, one value")
    return value
  }

  /**
   * Many secrets, all from the same state of the vault, each group unlocked once. Throws as `get`
   * does if one of them cannot be read, and then hands out none.
   *
   * @example
   * const { "db/url": url, "db/ca": ca } = await vault.getMany(["db/url", "db/ca"])
   */
  async getMany<N extends string>(names: readonly N[]): Promise<Record<N, SecretValue>> {
    if (typeof names === "string") {
      throw new VaultError("USAGE", "getMany takes a list of names", {
        hint: "one name: get(name)",
      })
    }
    const values = await this.#read([...new Set(names)].map((name) => parseSecretName(name)))
    return Object.fromEntries(values.map((value) => [value.name, value])) as Record<N, SecretValue>
  }

  /**
   * The names and metadata of all secrets, or of one group's, and which of them this agent may
   * read now. Nothing is decrypted. Throws `GROUP_NOT_FOUND`.
   */
  list(group?: string): Promise<ReadableListing[]> {
    return this.#with((vault) =>
      describeReadable(vault, this.#request.key.recipient, new Date(), group),
    )
  }

  /** Whether `get` would find a secret and be let in. Nothing is decrypted. Throws `NAME_INVALID`. */
  async has(name: string): Promise<boolean> {
    const parsed = parseSecretName(name)
    return this.#with((vault) => {
      const group = findGroup(vault, parsed.group)
      if (group === undefined || findSecret(vault, parsed) === undefined) return false
      return mayOpen(vault, group, this.#request.key.recipient, new Date())
    })
  }

  /**
   * The metadata of a secret that this agent may read. Throws as `get` does where it may not;
   * nothing is decrypted. For whoever reads it next, `by` is what the audit notes of a refusal.
   */
  async describe(name: string, by?: ReadFor): Promise<SecretListing> {
    const parsed = parseSecretName(name)
    return this.#with((vault) => {
      const { terms, ...asked } = this.#asked(parsed, by)
      admitReader(vault, by === undefined ? asked : { ...asked, terms })
      return describeSecret(vault, parsed)
    })
  }

  /** Notes that a door of ours did not show a value. What cannot be noted stays a refusal. */
  async noteRefused(name: string, refusal: VaultError, by?: ReadFor): Promise<void> {
    const asked = this.#asked(parseSecretName(name), by)
    try {
      await this.#with((vault) => noteRefusal(refusal, vault, asked))
    } catch (error) {
      if (!VaultError.is(error)) throw error
    }
  }

  /** What this agent may read, until when, and which groups are closed to it. */
  access(): Promise<AccessReport> {
    return this.#with((vault) => describeAccess(vault, this.#request.key, new Date()))
  }

  /**
   * Yields each change of the secrets that the patterns name (`*` stands for any characters), from
   * this call on; if this vault read one of them before, from that read on. It looks once a second,
   * or as often as `every` says. Ends with `close()` or the signal.
   *
   * @example
   * for await (const { name, version } of vault.watch(["stripe/*"])) reconnect(name, version)
   */
  watch(patterns: readonly string[], options: WatchOptions = {}): AsyncIterable<SecretChange> {
    const look = (): Promise<Versions> =>
      this.#with((vault) => {
        const names = listSecrets(vault).filter(({ full }) => isMeant(full, patterns))
        return new Map(names.map((name) => [name.full, getSecret(vault, name).version]))
      })
    const { every = LOOK_EVERY_MS, signal } = options
    const ends = [this.#closing.signal, ...(signal === undefined ? [] : [signal])]
    const before = look().then((now) => new Map([...now, ...this.#readVersions(now)]))
    // It is awaited when the first change is asked for; until then nobody else would catch it.
    before.catch(() => {})
    return watchVersions(look, before, every, AbortSignal.any(ends))
  }

  /**
   * Fetches the upstream of the branch that is checked out, verifies the vault there, and moves the
   * branch forward. Undefined when nothing is new. The only thing here that runs Git. Throws
   * `REPOSITORY_STATE` without an upstream, `CONFLICT` if this clone has commits of its own,
   * `GIT_FAILED`, and the codes of exit 4 and 5 for a vault that no reader would accept.
   */
  async pull(): Promise<Pulled | undefined> {
    this.refuseClosed()
    const { place, key, env } = this.#request
    const { pull } = await import("../sync/pull.js")
    return pull(findVault(dirname(place.root)), key.trust, env)
  }

  /**
   * Ends all watches and pulls and the leases that were taken, overwrites what is kept in memory, and
   * syncs the audit. Reading or changing afterwards throws `CLOSED`. Rejects with `AUDIT_UNWRITABLE`
   * if the audit cannot be synced.
   */
  async close(): Promise<void> {
    this.#closing.come()
    this.#reader.end()
    await this.#reader.endLeases()
    this.#request.audit.close()
  }

  /** The same as {@link AgentVault.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Never keeps a process alive. */
  async #pullEvery({ every, onError }: Pulls): Promise<void> {
    while (await isPassed(every, this.#closing.signal, { ref: false })) {
      await this.pull().catch(onError)
    }
  }

  #readVersions(among: Versions): [string, number][] {
    return [...this.#versions].filter(([name]) => among.has(name))
  }

  async #read(names: readonly SecretName[], by?: ReadFor): Promise<SecretValue[]> {
    this.refuseClosed()
    const reads = await this.#reader.read(names, by).finally(() => {
      if (this.#closing.hasCome) this.#letGo()
    })
    this.refuseClosed()
    return reads.map(({ name, record, value }) => {
      this.#versions.set(name.full, record.version)
      return new SecretValue(name.full, record.version, value)
    })
  }

  #asked(name: SecretName, by: ReadFor | undefined): AskedRead {
    return { key: this.#request.key, name, now: new Date(), terms: { ...this.#request, by } }
  }

  #letGo(): void {
    this.#reader.end()
    this.#request.audit.close()
  }

  async #with<T>(work: (vault: Vault) => T): Promise<T> {
    this.refuseClosed()
    // It may look at all that is there, which no value that is read meanwhile depends on.
    return apart(() => this.#reader.with(work))
  }

  /** Throws `CLOSED` after {@link AgentVault.close}. */
  protected refuseClosed(): void {
    if (!this.#closing.hasCome) return
    throw new VaultError("CLOSED", "this vault was closed", { hint: "open it again" })
  }
}
