import { join } from "node:path"
import { seal, unseal } from "../age/age.js"
import { FileTurn } from "../audit/file-turn.js"
import { readRegularFile, replaceFile } from "../disk/files.js"
import { type Environment, inHome, stateHome } from "../disk/homes.js"
import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import type { SecretName } from "../words/names.js"
import { fieldOf } from "../sources/field-of.js"
import { IssuerFailure, type LeaseReader } from "./lease-issuer.js"

/** How long another process of this machine may take for its exchange, in ms. */
const PATIENCE_MS = 45_000

/** Whose what is sealed is, and what reads it. */
export interface Succeeded {
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
  readonly #file: string

  constructor(of: Succeeded, env: Environment) {
    const { vault, name, reader } = of
    this.#of = of
    const folder = join(stateHome(env), vault, "successors", `${reader.role}s`, reader.name)
    this.#file = join(folder, `${name.full}.age`)
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
      const done = await turn.takeLong(async () => ({ came: await work() }), PATIENCE_MS)
      if (done !== undefined) return done.came
    } finally {
      turn.end()
    }
    throw new IssuerFailure(
      "another process of this machine asks it, and does not end",
      "try again",
    )
  }

  /**
   * The latest that succeeds what is sealed; undefined without one. Rejects with an
   * {@link IssuerFailure} for one that this reader cannot open: what came before it is spent.
   */
  async latest(): Promise<Uint8Array | undefined> {
    const { sealed, reader } = this.#of
    const bytes = inHome("state", () => readRegularFile(this.#file, LIMITS.value))
    if (bytes === undefined) return undefined
    const text = Buffer.from(await this.#opened(bytes, reader))
    const [of, next] = ["of", "next"].map((name) => fieldOf(text, [name]))
    text.fill(0)
    if (of === undefined || next === undefined || !of.equals(sealed)) return undefined
    return next
  }

  /** Keeps what succeeds it from now on, durably. Rejects with `NO_ACCESS`. */
  async keep(next: string): Promise<void> {
    const { sealed, reader } = this.#of
    const recipients = [...new Set([reader.recipient, ...reader.owners])]
    const text = Buffer.from(JSON.stringify({ next, of: Buffer.from(sealed).toString("utf8") }))
    const bytes = await seal(text, recipients)
    text.fill(0)
    inHome("state", () => replaceFile(this.#file, bytes, 0o600))
  }

  async #opened(bytes: Uint8Array, { identity }: LeaseReader): Promise<Uint8Array> {
    try {
      return await unseal(bytes, [identity])
    } catch (error) {
      if (!VaultError.is(error)) throw error
      throw new IssuerFailure(
        `what succeeds the sealed one is kept in ${this.#file}, which this key does not open`,
        "an owner opens it, and seals it anew",
      )
    }
  }
}
