import type { VaultFiles } from "../disk/files.js"
import { decodeRecord, digestOf, signedBody } from "../records/record.js"
import type { Verifier } from "../records/signature.js"
import type { VerifiedRecords } from "./verified-records.js"

/** The parts of an opened vault by which a record is verified. */
export interface Verifying {
  readonly id: string
  readonly files: VaultFiles
  readonly verifiers: ReadonlyMap<string, Verifier>
  readonly verifiedBefore: VerifiedRecords
}

/** With fewer, the other cores begin too late to save anything. */
const WORTH_SHARING = 30
const TOGETHER = 100

/**
 * Verifies the records of many secrets on all cores, so that whoever reads them finds them verified.
 * One that would be refused stays unverified: who reads it is told why.
 */
export async function verifyAhead(vault: Verifying, paths: readonly string[]): Promise<void> {
  if (paths.length < WORTH_SHARING) return
  for (let at = 0; at < paths.length; at += TOGETHER) {
    const asked = paths.slice(at, at + TOGETHER).map((path) => verifyNow(vault, path))
    // An earlier command verified them, and so the others.
    if (!(await Promise.all(asked)).includes(true)) return
  }
}

/** Whether it had to be verified. */
async function verifyNow(vault: Verifying, path: string): Promise<boolean> {
  const { id, files, verifiers, verifiedBefore } = vault
  try {
    const bytes = files.read(path)
    if (bytes === undefined) return false
    const digest = digestOf(bytes)
    if (verifiedBefore.has(digest)) return false
    const record = decodeRecord("secret", path, bytes, id)
    const { signer, ed25519 } = record.signature
    const elsewhere = verifiers.get(signer)?.elsewhere
    if ((await elsewhere?.(record.kind, signedBody(record), ed25519)) === true) {
      verifiedBefore.add(digest)
    }
  } catch {
    // Nothing is taken for verified.
  }
  return true
}
