import type { Environment } from "../disk/homes.js"
import { agreeTo, isAgreedTo } from "../memory/agreements.js"
import { digestOf } from "../records/record.js"
import type { SecretName } from "../words/names.js"

/** The word that stands for this reference as the value of this secret, in 32 hex digits. */
export function referenceFingerprint({ full }: SecretName, reference: string): string {
  return digestOf(`${full}\n${reference}`).slice("sha256:".length, "sha256:".length + 32)
}

/** Whether a person on this machine agreed that the secret's value is what this reference names. */
export function isReferenceAgreed(vault: string, fingerprint: string, env: Environment): boolean {
  return isAgreedTo(vault, { to: "source", fingerprint }, env)
}

/** Remembers that a person did. Throws `NO_ACCESS`. */
export function agreeToReference(
  vault: string,
  name: SecretName,
  fingerprint: string,
  env: Environment,
): void {
  agreeTo(vault, "source", name, fingerprint, env)
}
