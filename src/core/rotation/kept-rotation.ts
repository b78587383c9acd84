import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { sealer, unseal } from "../age/age.js"
import { createFile, makeFolder, readRegularFile, removeFile } from "../disk/files.js"
import { type Environment, inHome, stateHome } from "../disk/homes.js"
import { agreeTo, isAgreedTo } from "../memory/agreements.js"
import { digestOf } from "../records/record.js"
import { type Rotation, canonicalRotation } from "../records/rotation.js"
import type { Vault } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import type { SecretName } from "../words/names.js"

/** A rotation under way: what its program gave, and what it replaces. */
export interface KeptRotation {
  /** The version that the old value is. */
  readonly version: number
  /** When that value was set: a name that is made anew counts its versions anew. */
  readonly changed: string
  readonly old: Uint8Array
  readonly new: Uint8Array
}

/** Two values in base64, and what is around them. */
const LARGEST = 4 * LIMITS.value

/**
 * What this machine keeps of the rotations of one secret, in the state folder: the values of one that
 * is under way, sealed to the owners, and which programs a person agreed to.
 */
export class RotationState {
  readonly #vault: Vault
  readonly #folder: string
  readonly #name: SecretName
  readonly #env: Environment

  constructor(vault: Vault, name: SecretName, env: Environment) {
    this.#vault = vault
    this.#name = name
    this.#env = env
    this.#folder = join(stateHome(env), vault.id, "rotations")
  }

  /** Whether a rotation is under way. */
  get isKept(): boolean {
    return this.#readKept() !== undefined
  }

  /** Makes sure that a value can be kept here, before there is one to lose. Throws `NO_ACCESS`. */
  prove(): void {
    const file = join(this.#folder, "room")
    inHome("state", () => {
      makeFolder(this.#folder, 0o700)
      createFile(file, "for a value", 0o600)
      removeFile(file)
    })
  }

  /**
   * Seals both values to the owners. They survive whatever comes after this. Throws `BUSY` if another
   * rotation of the secret was faster; this one's values are kept beside it.
   */
  async keep({ version, changed, ...values }: KeptRotation): Promise<void> {
    const text = JSON.stringify({
      secret: this.#name.full,
      version,
      changed,
      old: inBase64(values.old),
      new: inBase64(values.new),
    })
    const owners = this.#vault.owners.map(({ recipient }) => recipient)
    const sealed = await sealer(owners)(Buffer.from(text))
    const beside = this.#keptFile.replace(/age$/, `${randomBytes(8).toString("hex")}.age`)
    const isFirst = inHome("state", () => {
      makeFolder(this.#folder, 0o700)
      return createFile(this.#keptFile, sealed, 0o600) || !createFile(beside, sealed, 0o600)
    })
    if (isFirst) return
    throw new VaultError("BUSY", `another rotation of ${this.#name.full} is under way here`, {
      hint: `the value that this one got is not lost: an owner's key opens ${beside}`,
    })
  }

  /** Opens what is kept, with an owner's identity; undefined where nothing is. */
  async open(identity: string): Promise<KeptRotation | undefined> {
    const sealed = this.#readKept()
    if (sealed === undefined) return undefined
    try {
      const text = Buffer.from(await unseal(sealed, [identity])).toString("utf8")
      const { version, changed, ...values } = JSON.parse(text) as Record<
        "changed" | "old" | "new",
        string
      > & { version: number }
      const [old, made] = [values.old, values.new].map((each) => Buffer.from(each, "base64"))
      return { version, changed, old: old ?? Buffer.of(), new: made ?? Buffer.of() }
    } catch (cause) {
      throw new VaultError("CIPHERTEXT_DAMAGED", `${this.#keptFile} cannot be opened`, {
        hint: `it holds the new value of ${this.#name.full}; stock age opens it with an owner's key: age -d -i OWNER.KEY ${this.#keptFile}`,
        cause,
      })
    }
  }

  /** Lets go of it. */
  discard(): void {
    inHome("state", () => removeFile(this.#keptFile))
  }

  /** Whether a person on this machine agreed to these very programs for this secret. */
  isAgreed(rotation: Rotation): boolean {
    const fingerprint = fingerprintOf(this.#name, rotation)
    return isAgreedTo(this.#vault.id, { to: "rotation", fingerprint }, this.#env)
  }

  agree(rotation: Rotation): void {
    const fingerprint = fingerprintOf(this.#name, rotation)
    agreeTo(this.#vault.id, "rotation", this.#name, fingerprint, this.#env)
  }

  get #keptFile(): string {
    return join(this.#folder, `${shortDigest(this.#name.full)}.age`)
  }

  #readKept(): Uint8Array | undefined {
    return readRegularFile(this.#keptFile, LARGEST)
  }
}

function inBase64(value: Uint8Array): string {
  return Buffer.from(value).toString("base64")
}

/** The word that stands for these very programs, for this secret. */
export function fingerprintOf({ full }: SecretName, rotation: Rotation): string {
  return shortDigest(`${full}\n${canonicalRotation(rotation)}`)
}

function shortDigest(text: string): string {
  return digestOf(text).slice("sha256:".length, "sha256:".length + 32)
}
