import { join } from "node:path"
import { seal, unseal } from "../age/age.js"
import { FileTurn } from "../disk/file-turn.js"
import { FolderFiles, readRegularFile, removeFile, replaceFile } from "../disk/files.js"
import { type Environment, inHome } from "../disk/homes.js"
import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import type { SecretName } from "../words/names.js"
import { fieldOf } from "../sources/field-of.js"
import { successorsHome } from "./keepers.js"
import { IssuerFailure, type LeaseReader } from "./lease-issuer.js"

/** How long another process of this machine may take for its exchange, in ms. */
const PATIENCE_MS = 45_000

/** Whose what is sealed is, and what reads it. */
interface Succeeded {
  readonly vault: string
  readonly name: SecretName
  readonly sealed: Uint8Array
  readonly reader: LeaseReader
}

/**
 * What an issuer gave in the place of what is sealed, where only an owner could sign it into the
 * vault: a file in the state folder, sealed to its reader's own key and to the owners. It says what it
 * succeeds, so a new value that an owner sets ends it.
 */
export class Succession {
  readonly #of: Succeeded
  readonly #folder: string
  readonly #file: string
  /** Where it was kept under the name that the secret had before. */
  #earlier: string | undefined

  constructor(of: Succeeded, env: Environment) {
    const { vault, name, reader } = of
    this.#of = of
    this.#folder = join(successorsHome(vault, env), `${reader.role}s`, reader.name)
    this.#file = join(this.#folder, `${name.full}.age`)
  }

  /** Where it is kept. */
  get file(): string {
    return this.#file
  }

  /**
   * Does work alone on this machine: a value that is used twice may be ended as a stolen one. What
   * cannot be kept there is known before. Rejects with an {@link IssuerFailure}, and `NO_ACCESS`.
   */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = inHome("state", () => new FileTurn(this.#file))
    try {
      return await turn.takeLong(work, PATIENCE_MS)
    } catch (error) {
      if (!VaultError.is(error, "LOCKED")) throw error
      throw new IssuerFailure(
        "another process of this machine asks it, and does not end",
        error.hint,
      )
    } finally {
      turn.end()
    }
  }

  /**
   * The latest that succeeds what is sealed; undefined without one. Rejects with an
   * {@link IssuerFailure} for one that this reader cannot open: what came before it is spent.
   */
  async latest(): Promise<Uint8Array | undefined> {
    const own = inHome("state", () => readRegularFile(this.#file, LIMITS.value))
    const next = own && this.#nextIn(await this.#opened(own))
    return next ?? this.#movedHere()
  }

  /** Keeps what succeeds it from now on, durably. Rejects with `NO_ACCESS`. */
  async keep(next: string): Promise<void> {
    const { sealed, reader } = this.#of
    const recipients = [...new Set([reader.recipient, ...reader.owners])]
    const text = Buffer.from(JSON.stringify({ next, of: textOf(sealed) }))
    const bytes = await seal(text, recipients)
    text.fill(0)
    inHome("state", () => {
      replaceFile(this.#file, bytes, 0o600)
      if (this.#earlier !== undefined) removeFile(this.#earlier)
    })
  }

  /** An owner who moves a secret has nothing of this machine: its file still has the earlier name. */
  async #movedHere(): Promise<Uint8Array | undefined> {
    const files = inHome("state", () => new FolderFiles(this.#folder).list())
    for (const path of files.filter((each) => each.endsWith(".age"))) {
      const file = join(this.#folder, path)
      const bytes = inHome("state", () => readRegularFile(file, LIMITS.value))
      // One of another key has another secret's, as far as anybody here can tell.
      const text = bytes && (await this.#opened(bytes).catch(() => undefined))
      const next = text && this.#nextIn(text)
      if (next === undefined) continue
      this.#earlier = file
      return next
    }
    return undefined
  }

  #nextIn(text: Uint8Array): Uint8Array | undefined {
    const said = Buffer.from(text.buffer, text.byteOffset, text.length)
    const [of, next] = ["of", "next"].map((name) => fieldOf(said, [name]))
    text.fill(0)
    return of?.toString() === textOf(this.#of.sealed) ? next : undefined
  }

  async #opened(bytes: Uint8Array): Promise<Uint8Array> {
    try {
      return await unseal(bytes, [this.#of.reader.identity])
    } catch (error) {
      if (!VaultError.is(error)) throw error
      throw new IssuerFailure(
        `what succeeds the sealed one is kept in ${this.#file}, which this key does not open`,
        "an owner takes the latest from it into the vault, and then removes that file",
      )
    }
  }
}

/** Bytes that are no UTF-8 become others: so texts are compared, and not bytes. */
function textOf(sealed: Uint8Array): string {
  return Buffer.from(sealed).toString("utf8")
}
