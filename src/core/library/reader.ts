import { dirname } from "node:path"
import { Evidence, gather, gatherAll } from "../disk/evidence.js"
import type { Environment } from "../disk/homes.js"
import type { Moment } from "../disk/moment.js"
import { type Place, findVault } from "../disk/place.js"
import type { Key } from "../keys/key-files.js"
import { type LeaseBook, endLeases, newLeaseBook } from "../leases/lease-book.js"
import { type Marks, branchMarks } from "../memory/marks.js"
import { verifyAhead } from "../memory/verify-ahead.js"
import { withVault } from "../vault/open.js"
import type { GroupKeys } from "../vault/group-key.js"
import { OpenedSecret, type SecretRead, openSecret } from "../vault/read.js"
import type { ReadFor, Terms } from "../vault/terms.js"
import type { Sending } from "../policy/sending.js"
import type { SendTerms, Suits } from "../vault/send-terms.js"
import type { Sources } from "../vault/resolved-reads.js"
import type { Vault } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { secretRecordPath } from "../words/layout.js"
import type { SecretName } from "../words/names.js"
import type { OnNote } from "../words/note.js"
import { Ending } from "./ending.js"

/** Who reads, where, and on which terms. */
export interface ReaderRequest extends Terms {
  readonly place: Place
  readonly key: Key
  readonly env: Environment
  /** Hears of what was accepted although it was set back, and of leases that could not be ended. */
  readonly onNote?: OnNote | undefined
  /** Where leases are kept that outlive the reader; its maker ends them. */
  readonly leases?: LeaseBook | undefined
}

/** A secret that is sent, and where in which request. */
export interface SecretSending {
  readonly name: SecretName
  readonly sending: Sending
  /** The rules that it may be sent by; all, without it. */
  readonly suits?: Suits | undefined
}

/** Which secrets of a vault are meant. */
type ChooseNames = (vault: Vault) => readonly SecretName[] | Promise<readonly SecretName[]>

/** A secret that was opened, and what decided that it is this value, and may be read. */
interface Remembered {
  readonly secret: OpenedSecret
  /** The same for all that were opened together. */
  readonly evidence: Evidence
  /** The environment's part in it, as {@link settingsOf} has it. */
  readonly settings: string
}

/** Bytes of values that are kept; beyond them all are let go, and read anew when asked for. */
const KEPT_BYTES = 64 * 1024 * 1024
/** Keys of groups that are kept; each rekey brings another one. */
const KEPT_KEYS = 100
/** For how long values that change while they are read together are read again. */
const PATIENCE_MS = 2000

/**
 * Reads for a process that lives for days. A value comes from memory while every file that it was
 * decided upon is the very same, and its grant has not ended; else everything is verified anew. So a
 * revoke and a new version are seen at the next read, without a watcher.
 */
export class Reader {
  readonly #request: ReaderRequest
  readonly #ending = new Ending()
  readonly #sources: Sources
  readonly #terms: Terms
  readonly #vault: string
  #place: Place
  /** The clones and branches of which this machine remembered something. */
  readonly #branches = new Set<string>()
  readonly #groupKeys: GroupKeys = new Map()
  readonly #remembered = new Map<string, Remembered>()
  #kept = 0

  /** `vault` is the id of the vault that is meant. */
  constructor(request: ReaderRequest, vault: string) {
    this.#request = request
    const { place, env, leases = newLeaseBook() } = request
    const anew: Sources["anew"] = (work) => this.with(work)
    this.#sources = { place, env, kept: new Map(), ending: this.#ending, anew, leases }
    this.#terms = { ...request, sources: this.#sources }
    this.#place = request.place
    this.#vault = vault
  }

  /**
   * Reads secrets, all from the same state of the vault. Throws as {@link openSecret} and
   * {@link OpenedSecret.handOut} do.
   */
  read(names: readonly SecretName[], by?: ReadFor, asSealed = false): Promise<SecretRead[]> {
    const terms = { ...this.#terms, by, asSealed }
    return this.#reading(names, (secrets) => OpenedSecret.handOut(secrets, terms, new Date()), {
      terms,
    })
  }

  /**
   * Reads the secrets that `choose` names, by the very state of the vault that they are read from.
   * Rejects as {@link Reader.read} does, and with what `choose` throws.
   */
  choose(choose: ChooseNames): Promise<SecretRead[]> {
    return this.#fromFiles(
      choose,
      (secrets) => OpenedSecret.handOut(secrets, this.#terms, new Date()),
      this.#terms,
    )
  }

  /**
   * Reads secrets for a request that they are put into; `now` is the moment at which that is asked
   * for. Rejects as {@link openSecret} and {@link OpenedSecret.send} do.
   */
  send(sendings: readonly SecretSending[], terms: SendTerms, now?: Moment): Promise<SecretRead[]> {
    const names = new Map(sendings.map(({ name }) => [name.full, name]))
    const handOut = (secrets: readonly OpenedSecret[]): Promise<SecretRead[]> => {
      const placed = secrets.flatMap((secret) =>
        sendings
          .filter(({ name }) => name.full === secret.name.full)
          .map((each) => ({ ...each, secret })),
      )
      return OpenedSecret.send(placed, { ...terms, sources: this.#sources }, new Date())
    }
    return this.#reading([...names.values()], handOut, { now })
  }

  /** Does work with the vault as it is now, verified. */
  with<T>(work: (vault: Vault) => T | Promise<T>): Promise<T> {
    const { place, key, env, onNote } = this.#request
    // Another branch may be checked out since, and has marks of its own.
    this.#place = findVault(dirname(place.root))
    if (place.checkout !== undefined && this.#place.checkout === undefined) throw forgetful(place)
    this.#refuseForgotten(branchMarks(this.#vault, this.#place.checkout, env))
    const whole = (vault: Vault): T | Promise<T> => {
      this.#refuseOther(vault)
      return work(vault)
    }
    return withVault(this.#place, key.trust, env, whole, onNote)
  }

  /** Overwrites what is remembered, and waits for no store any more: nothing is read from here on. */
  end(): void {
    this.#ending.come()
    this.#forget()
  }

  /**
   * Ends the leases that it took and that do not outlive it, with a line in the audit for each. After
   * {@link Reader.end}.
   */
  async endLeases(): Promise<void> {
    const { env, leases, onNote = () => {} } = this.#request
    if (leases === undefined) await endLeases(this.#sources.leases, env, onNote)
  }

  #forget(): void {
    for (const { secret } of this.#remembered.values()) secret.forget()
    this.#remembered.clear()
    this.#groupKeys.clear()
    for (const { value } of this.#sources.kept.values()) {
      value.then((bytes) => bytes.fill(0)).catch(() => {})
    }
    this.#sources.kept.clear()
    this.#kept = 0
  }

  /**
   * Opens secrets, from memory if it may, and lets `handOut` take them before anything changes. A
   * refusal is noted where they are read on some `terms`.
   */
  async #reading<T>(
    names: readonly SecretName[],
    handOut: (secrets: readonly OpenedSecret[]) => T | Promise<T>,
    { terms, now }: { readonly terms?: Terms; readonly now?: Moment | undefined },
  ): Promise<T> {
    const remembered = this.#fromMemory(names, now)
    if (remembered !== undefined) return handOut(remembered)
    for (const name of names) this.#drop(name)
    return this.#fromFiles(() => names, handOut, terms)
  }

  #fromMemory(names: readonly SecretName[], now?: Moment): OpenedSecret[] | undefined {
    const found = names.flatMap((name) => this.#remembered.get(name.full) ?? [])
    if (found.length < names.length) return undefined
    const settings = settingsOf(this.#request.env)
    if (found.some((each) => each.settings !== settings)) return undefined
    for (const evidence of new Set(found.map((each) => each.evidence))) {
      if (!evidence.holds(now)) return undefined
    }
    return found.map(({ secret }) => secret)
  }

  async #fromFiles<T>(
    choose: ChooseNames,
    handOut: (secrets: readonly OpenedSecret[]) => T | Promise<T>,
    terms?: Terms,
  ): Promise<T> {
    let deadline: number | undefined
    for (;;) {
      const evidence = new Evidence()
      const settings = settingsOf(this.#request.env)
      // What goes on beside it may change for long, and is told apart from the second time on.
      const gathered = deadline === undefined ? gatherAll : gather
      const secrets = await gathered(evidence, () => this.#open(choose, terms))
      const isStill = evidence.holds()
      // One secret fits together by its digests; many are of one time only if nothing changed.
      if (!isStill && secrets.length > 1) {
        // What is seen for the first time is remembered, which is a change: so patience begins here.
        if (deadline === undefined) deadline = Date.now() + PATIENCE_MS
        else if (Date.now() > deadline) throw changing()
        continue
      }
      // Before they are kept: what is kept may be overwritten as soon as something else is read.
      const handedOut = handOut(secrets)
      if (isStill && evidence.mayBeKept()) this.#keep(secrets, { evidence, settings })
      return handedOut
    }
  }

  #open(choose: ChooseNames, terms: Terms | undefined): Promise<OpenedSecret[]> {
    const { key } = this.#request
    const now = new Date()
    return this.with(async (vault) => {
      const secrets: OpenedSecret[] = []
      const names = await choose(vault)
      await verifyAhead(vault, names.map(secretRecordPath))
      for (const name of names) {
        secrets.push(await openSecret(vault, { key, name, now, terms }, this.#groupKeys))
      }
      return secrets
    })
  }

  #keep(secrets: readonly OpenedSecret[], by: Omit<Remembered, "secret">): void {
    const size = secrets.reduce((sum, secret) => sum + secret.size, 0)
    if (this.#kept + size > KEPT_BYTES) this.#forget()
    if (this.#groupKeys.size > KEPT_KEYS) this.#groupKeys.clear()
    for (const secret of secrets) {
      this.#drop(secret.name)
      this.#remembered.set(secret.name.full, { secret, ...by })
    }
    this.#kept += size
  }

  #drop(name: SecretName): void {
    const secret = this.#remembered.get(name.full)?.secret
    if (secret === undefined) return
    this.#kept -= secret.size
    secret.forget()
    this.#remembered.delete(name.full)
  }

  /** What was remembered on a branch must not be gone while this reader lives. */
  #refuseForgotten(marks: Marks): void {
    const { clone, branch } = this.#place.checkout ?? {}
    const where = `${clone ?? ""} ${branch ?? ""}`
    if (marks.isThere()) this.#branches.add(where)
    else if (branch !== undefined && this.#branches.has(where)) throw forgotten()
  }

  /** Where nothing remembers which vault lay here, in an image say, this does. */
  #refuseOther({ id }: Vault): void {
    if (id === this.#vault) return
    throw new VaultError("FOREIGN_VAULT", `the vault ${id} lies where ${this.#vault} was opened`, {
      hint: "bring the right one back, or open this one: openVault()",
    })
  }
}

/** What of the environment decides whether a value may be read: whom to trust, and the floors. */
function settingsOf(env: Environment): string {
  return `${env["AGENT_VAULT_TRUST"] ?? ""} ${env["AGENT_VAULT_MIN_SERIAL"] ?? ""}`
}

/** Without its repository a vault has no memory, and could be set back to what let anybody in. */
function forgetful({ root }: Place): VaultError {
  return new VaultError("REPOSITORY_STATE", `the repository around ${root} is gone`, {
    hint: "bring it back, or open the vault anew",
  })
}

/** A vault that nothing remembers could be set back to what let anybody in. */
function forgotten(): VaultError {
  return new VaultError("REPOSITORY_STATE", "what this machine remembers of the vault is gone", {
    hint: "bring the state folder back (XDG_STATE_HOME), or open the vault anew",
  })
}

function changing(): VaultError {
  return new VaultError("BUSY", "what is to be read together changes all the time", {
    hint: "try again when the vault is not being changed",
  })
}
