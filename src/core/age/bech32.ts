import { bech32 } from "@scure/base"

// BIP 173, without its limit of 90 characters, as the age spec has it: a hybrid recipient is longer.
const LONGEST_KEY = 2048

/** Encodes bytes under a prefix, in the prefix's case. */
export function encodeBech32(prefix: string, bytes: Uint8Array): string {
  const text = bech32.encode(prefix, bech32.toWords(bytes), LONGEST_KEY)
  return prefix === prefix.toUpperCase() ? text.toUpperCase() : text
}

/**
 * Decodes what {@link encodeBech32} made of `length` bytes under this prefix; `undefined` for any
 * other text. It does not throw, because the library's errors repeat the text, which may be a key.
 */
export function decodeBech32(text: string, prefix: string, length: number): Uint8Array | undefined {
  try {
    const { bytes } = bech32.decodeToBytes(text, LONGEST_KEY)
    return bytes.length === length && encodeBech32(prefix, bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}
