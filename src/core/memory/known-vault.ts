import { LIMITS } from "../words/limits.js"
import { hash } from "node:crypto"
import { VaultError } from "../words/errors.js"
import { inFolder, readRegularFile, replaceFile } from "../disk/files.js"
import { type Environment, inHome, stateHome } from "../disk/homes.js"
import { VAULT_FOLDER } from "../words/layout.js"
import { type Place, gitPath } from "../disk/place.js"

/** The file that remembers which vault lies at a place, on a branch of a clone; see memory.ts. */
export type KnownVaultFile = string | undefined

/** That file for a place; undefined where there is no branch, so nothing to remember. */
export function knownVaultFile({ root, checkout }: Place, env: Environment): KnownVaultFile {
  if (checkout?.branch === undefined) return undefined
  const where = `${checkout.branch}\n${gitPath(checkout, root)}`
  const name = hash("sha256", where).slice(0, 32)
  return inFolder(stateHome(env), `sites/${checkout.clone}/${name}`)
}

/**
 * Refuses a vault where another one was. Both may be genuine, and of the same owner: what is meant
 * for the one would be sealed to the readers of the other. Throws `FOREIGN_VAULT`.
 */
export function refuseOtherVault(file: KnownVaultFile, vault: string): void {
  const bytes = file && inHome("state", () => readRegularFile(file, LIMITS.pin))
  if (bytes === undefined) return rememberKnownVault(file, vault)
  const before = Buffer.from(bytes).toString("utf8").trim()
  if (before === vault) return
  throw new VaultError(
    "FOREIGN_VAULT",
    `${VAULT_FOLDER} holds the vault ${vault}; this clone has seen ${before} there`,
    {
      hint: "bring the right one back with git; if it was replaced on purpose: agent-vault trust --rewind",
    },
  )
}

/** Remembers which vault lies there. */
export function rememberKnownVault(file: KnownVaultFile, vault: string): void {
  if (file === undefined) return
  inHome("state", () => replaceFile(file, `${vault}\n`, 0o600))
}
