import { join } from "node:path"
import { createFile, makeFolder, readRegularFile } from "../disk/files.js"
import { type Environment, inHome, stateHome } from "../disk/homes.js"
import { digestOf } from "../records/record.js"
import type { SecretName } from "../words/names.js"

/** The word that stands for this reference as the value of this secret, in 32 hex digits. */
export function referenceFingerprint({ full }: SecretName, reference: string): string {
  return digestOf(`${full}\n${reference}`).slice("sha256:".length, "sha256:".length + 32)
}

/** Whether a person on this machine agreed that the secret's value is what this reference names. */
export function isReferenceAgreed(vault: string, fingerprint: string, env: Environment): boolean {
  return readRegularFile(join(folderOf(vault, env), `${fingerprint}.agreed`), 1) !== undefined
}

/** Remembers that a person did. Throws `NO_ACCESS`. */
export function agreeToReference(vault: string, fingerprint: string, env: Environment): void {
  inHome("state", () => {
    makeFolder(folderOf(vault, env), 0o700)
    createFile(join(folderOf(vault, env), `${fingerprint}.agreed`), "", 0o600)
  })
}

function folderOf(vault: string, env: Environment): string {
  return join(stateHome(env), vault, "sources")
}
