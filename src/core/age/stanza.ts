import { createCipheriv, createDecipheriv } from "node:crypto"
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"

/** A recipient stanza of an age header: its arguments, and its body before base64. */
export interface Stanza {
  readonly args: string[]
  readonly body: Uint8Array
}

/** Wraps a file key. Throws if the recipient is not a usable public key. */
export interface AgeRecipient {
  wrapFileKey(fileKey: Uint8Array): Stanza[] | Promise<Stanza[]>
}

/** Unwraps a file key: `null` means no stanza is mine, a throw means one is mine but broken. */
export interface AgeIdentity {
  unwrapFileKey(stanzas: Stanza[]): Uint8Array | null | Promise<Uint8Array | null>
}

const CIPHER = "chacha20-poly1305"
const TAG = { authTagLength: 16 }
const WRAPPED_LENGTH = 32
// Every wrapping key is used for one file key only, so the age spec fixes the nonce.
const NONCE = new Uint8Array(12)

/** The body of a stanza: a 16-byte file key under a 32-byte wrapping key (age spec, "body"). */
export function wrap(fileKey: Uint8Array, key: Uint8Array): Uint8Array {
  return encrypted(fileKey, key, NONCE)
}

/** ChaCha20-Poly1305 (RFC 8439), the tag at the end. */
export function encrypted(plaintext: Uint8Array, key: Uint8Array, nonce: Uint8Array): Uint8Array {
  const cipher = ifNative(() => createCipheriv(CIPHER, key, nonce, TAG))
  if (cipher === undefined) return chacha20poly1305(key, nonce).encrypt(plaintext)
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

/**
 * The file key in a stanza's body, or `null` if the key is not the one it was wrapped with.
 * Throws on any other length: before the tag is checked, lest a long body hide a second key.
 */
export function unwrap(body: Uint8Array, key: Uint8Array): Uint8Array | null {
  if (body.length !== WRAPPED_LENGTH) throw new Error("invalid length of a stanza's body")
  return decrypted(body, key, NONCE) ?? null
}

/** The way back from {@link encrypted}; undefined if the tag is not the right one. */
export function decrypted(
  sealed: Uint8Array,
  key: Uint8Array,
  nonce: Uint8Array,
): Uint8Array | undefined {
  const decipher = ifNative(() => createDecipheriv(CIPHER, key, nonce, TAG))
  if (decipher === undefined) return decryptedPortably(sealed, key, nonce)
  const end = sealed.length - TAG.authTagLength
  decipher.setAuthTag(sealed.subarray(end))
  const plaintext = decipher.update(sealed.subarray(0, end))
  try {
    decipher.final()
    return plaintext
  } catch {
    return undefined
  }
}

/** Undefined where the runtime's library has no such cipher, as Bun's BoringSSL. */
function ifNative<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}

function decryptedPortably(
  sealed: Uint8Array,
  key: Uint8Array,
  nonce: Uint8Array,
): Uint8Array | undefined {
  try {
    return chacha20poly1305(key, nonce).decrypt(sealed)
  } catch {
    return undefined
  }
}

/** Unpadded standard base64, as in the arguments of a stanza. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("=", "")
}

/** Decodes unpadded standard base64; throws unless it is canonical and `length` bytes long. */
export function fromBase64(text: string, length: number): Uint8Array {
  const bytes = Buffer.from(text, "base64")
  if (bytes.length !== length || toBase64(bytes) !== text) throw new Error("invalid base64")
  return bytes
}
