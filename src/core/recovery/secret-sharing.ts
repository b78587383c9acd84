import { combine, split } from "shamir-secret-sharing"

// Shamir's scheme over GF(2^8), byte by byte: `threshold` parts give the secret, and fewer tell nothing
// of it. The library is audited; this is the only file that imports it.

/** Splits a secret into parts, each one byte longer than it. The threshold is at least 2. */
export function splitSecret(
  secret: Uint8Array,
  parts: number,
  threshold: number,
): Promise<Uint8Array[]> {
  return split(secret, parts, threshold)
}

/** The secret of parts; of too few, or of others', something else, or undefined. */
export async function joinParts(parts: readonly Uint8Array[]): Promise<Uint8Array | undefined> {
  try {
    return await combine([...parts])
  } catch {
    // Two with one number, or of several lengths. The library's words could repeat what it read.
    return undefined
  }
}
