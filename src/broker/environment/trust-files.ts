import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { getuid } from "node:process"
import { inaccessible, nameByMaker, removeOwnAbandoned } from "../../core/index.js"
import { javaTrustStore } from "./java-trust-store.js"

const PREFIX = "agent-vault-broker-"

/** Where one run has the files that programs read whom to trust from: certificates, and no key. */
export interface TrustFiles {
  /** The authority of the run, PEM. */
  readonly authority: string
  /** The user's roots, and the authority, PEM. */
  readonly bundle: string
  /** The same for Java, PKCS #12. */
  readonly javaStore: string
}

/**
 * The files of one run, in a folder that only this user can write to. It is made once somebody asks
 * where they are, so that a program can be started while they are written, which takes 7 ms.
 */
export class TrustFolder {
  /** The user's roots, PEM. */
  readonly roots: string
  readonly #folder = join(tmpdir(), nameByMaker(PREFIX))
  #files: TrustFiles | undefined
  #authority: (() => string) | undefined

  constructor(roots: string) {
    this.roots = roots
  }

  /** Where they are. Throws `NO_ACCESS`. */
  get files(): TrustFiles {
    if (this.#files !== undefined) return this.#files
    this.#attempt(() => mkdirSync(this.#folder, { mode: 0o700 }))
    const file = (name: string): string => join(this.#folder, name)
    this.#files = {
      authority: file("authority.pem"),
      bundle: file("bundle.pem"),
      javaStore: file("java.p12"),
    }
    if (this.#authority !== undefined) this.#write(this.#files, this.#authority())
    return this.#files
  }

  /** From now on they are there. The authority is PEM. Throws `NO_ACCESS`. */
  write(authority: () => string): void {
    this.#authority = authority
    if (this.#files !== undefined) this.#write(this.#files, authority())
  }

  /** Removes them. */
  remove(): void {
    if (this.#files !== undefined) rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Also removes those of brokers that were killed. */
  #write(files: TrustFiles, authority: string): void {
    const bundle = `${this.roots.trimEnd()}\n${authority}`
    this.#attempt(() => {
      removeOwnAbandoned(tmpdir(), PREFIX, getuid?.())
      write(files.authority, authority)
      write(files.bundle, bundle)
      write(files.javaStore, javaTrustStore(bundle))
    })
  }

  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      throw inaccessible("write", this.#folder, error)
    }
  }
}

/** Another program must not be able to put its own there first. */
function write(file: string, content: string | Uint8Array): void {
  writeFileSync(file, content, { flag: "wx", mode: 0o600 })
}
