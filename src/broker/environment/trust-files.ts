import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { getuid } from "node:process"
import { inaccessible, nameByMaker, removeOwnAbandoned } from "../../core/index.js"
import { javaTrustStore } from "./java-trust-store.js"

const PREFIX = "agent-vault-broker-"

/** Files of one run that programs read whom to trust from: certificates, and no key. */
export interface TrustFiles {
  /** The authority of the run, PEM. */
  readonly authority: string
  /** The user's roots, and the authority, PEM. */
  readonly bundle: string
  /** The same for Java, PKCS #12. */
  readonly javaStore: string
  /** Removes them. */
  readonly remove: () => void
}

/**
 * Writes them into a folder that only this user can write to, and removes those of brokers that were
 * killed. `authority` and `roots` are PEM. Throws `NO_ACCESS`.
 */
export function writeTrustFiles(authority: string, roots: string): TrustFiles {
  const folder = join(tmpdir(), nameByMaker(PREFIX))
  let isMade = false
  const remove = (): void => {
    if (isMade) rmSync(folder, { recursive: true, force: true })
  }
  try {
    removeOwnAbandoned(tmpdir(), PREFIX, getuid?.())
    mkdirSync(folder, { mode: 0o700 })
    isMade = true
    const bundle = `${roots.trimEnd()}\n${authority}`
    return {
      authority: write(folder, "authority.pem", authority),
      bundle: write(folder, "bundle.pem", bundle),
      javaStore: write(folder, "java.p12", javaTrustStore(bundle)),
      remove,
    }
  } catch (error) {
    remove()
    throw inaccessible("write", folder, error)
  }
}

function write(folder: string, name: string, content: string | Uint8Array): string {
  const file = join(folder, name)
  // Another program must not be able to put its own there first.
  writeFileSync(file, content, { flag: "wx", mode: 0o600 })
  return file
}
