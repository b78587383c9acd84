import { inspect } from "node:util"
import { VaultError } from "./errors.js"

/**
 * A value that does not show itself. As text (`console.log`, a template, `JSON.stringify`, an
 * error, a debugger's inspection) it is `[secret stripe/api-key: use .reveal()]`, so that a mask
 * sent as a token explains itself.
 * Each SecretValue owns a copy of the bytes; `using` or {@link SecretValue[Symbol.dispose]}
 * overwrites it. A string that `reveal()` handed out cannot be overwritten.
 *
 * @example
 * using key = await vault.get("stripe/api-key")
 * await fetch(url, { headers: { Authorization: `Bearer ${key.reveal()}` } })
 */
export class SecretValue {
  /** `stripe/api-key` */
  readonly name: string
  /** Counts the values that the secret had: 1, 2, … */
  readonly version: number
  // What is private to the class is seen by no inspection, spread, clone or serializer.
  readonly #bytes: Uint8Array
  #isDisposed = false

  /** Copies `bytes`. */
  constructor(name: string, version: number, bytes: Uint8Array) {
    this.name = name
    this.version = version
    this.#bytes = Uint8Array.from(bytes)
  }

  /**
   * The value as text, decoded as UTF-8. Throws `VALUE_NOT_TEXT` if it is not UTF-8, `CLOSED` after
   * its disposal.
   */
  reveal(): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.#alive())
    } catch (error) {
      if (error instanceof VaultError) throw error
      throw new VaultError("VALUE_NOT_TEXT", `${this.name} is not UTF-8 text`, {
        hint: "take its bytes: .bytes()",
      })
    }
  }

  /** A copy of the value's bytes. Throws `CLOSED` after its disposal. */
  bytes(): Uint8Array {
    return Uint8Array.from(this.#alive())
  }

  toString(): string {
    return `[secret ${this.name}: use .reveal()]`
  }

  toJSON(): string {
    return this.toString()
  }

  [Symbol.toPrimitive](): string {
    return this.toString()
  }

  [inspect.custom](): string {
    return this.toString()
  }

  /** Overwrites this copy of the value. */
  [Symbol.dispose](): void {
    this.#bytes.fill(0)
    this.#isDisposed = true
  }

  #alive(): Uint8Array {
    if (!this.#isDisposed) return this.#bytes
    throw new VaultError("CLOSED", `this copy of ${this.name} was disposed of`, {
      hint: "get it again: vault.get(name)",
    })
  }
}
