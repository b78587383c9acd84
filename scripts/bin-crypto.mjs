// What age-encryption needs of hashes and ciphers, on Node's own: in the bundle these stand for
// portable code, which costs a cold `get` more than all the files that it reads. The names are
// those of the packages. test/cli/bin-crypto.test.ts compares the two.
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync } from "node:crypto"
import { chacha20poly1305 as portable } from "@noble/ciphers/chacha.js"

const HASH = "sha256"
const CIPHER = "chacha20-poly1305"
const TAG = { authTagLength: 16 }
const BLOCK = 32

/** @param {Uint8Array} bytes */
export function sha256(bytes) {
  return new Uint8Array(createHash(HASH).update(bytes).digest())
}

/**
 * HMAC (RFC 2104) with SHA-256, the only hash that is asked for.
 *
 * @param {typeof sha256} _hash
 * @param {Uint8Array} key
 * @param {Uint8Array} message
 */
export function hmac(_hash, key, message) {
  return new Uint8Array(createHmac(HASH, key).update(message).digest())
}

/**
 * HKDF (RFC 5869), both steps.
 *
 * @param {typeof sha256} _hash
 * @param {Uint8Array} secret
 * @param {Uint8Array} [salt]
 * @param {Uint8Array} [info]
 * @param {number} [length]
 */
export function hkdf(_hash, secret, salt = NOTHING, info = NOTHING, length = BLOCK) {
  return new Uint8Array(hkdfSync(HASH, secret, salt, info, length))
}

/**
 * Its first step.
 *
 * @param {typeof sha256} hash
 * @param {Uint8Array} secret
 * @param {Uint8Array} [salt]
 */
export function extract(hash, secret, salt = NOTHING) {
  return hmac(hash, salt, secret)
}

/**
 * Its second step.
 *
 * @param {typeof sha256} hash
 * @param {Uint8Array} key
 * @param {Uint8Array} [info]
 * @param {number} [length]
 */
export function expand(hash, key, info = NOTHING, length = BLOCK) {
  const blocks = Math.ceil(length / BLOCK)
  if (blocks > 255) throw new Error("a length over 255 blocks")
  /** @type {Uint8Array[]} */
  const made = []
  for (let count = 1; count <= blocks; count += 1) {
    const message = Buffer.concat([made.at(-1) ?? NOTHING, info, Uint8Array.of(count)])
    made.push(hmac(hash, key, message))
  }
  return new Uint8Array(Buffer.concat(made).subarray(0, length))
}

const NOTHING = new Uint8Array(0)

/**
 * ChaCha20-Poly1305 (RFC 8439); portable code where the runtime's library has no such cipher, as
 * Bun's BoringSSL. `decrypt` throws unless the tag is right.
 *
 * @param {Uint8Array} key
 * @param {Uint8Array} nonce
 */
export function chacha20poly1305(key, nonce) {
  return {
    /** @param {Uint8Array} plaintext */
    encrypt(plaintext) {
      const cipher = ifNative(() => createCipheriv(CIPHER, key, nonce, TAG))
      if (cipher === undefined) return portable(key, nonce).encrypt(plaintext)
      const body = [cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]
      return new Uint8Array(Buffer.concat(body))
    },
    /** @param {Uint8Array} ciphertext */
    decrypt(ciphertext) {
      const decipher = ifNative(() => createDecipheriv(CIPHER, key, nonce, TAG))
      if (decipher === undefined) return portable(key, nonce).decrypt(ciphertext)
      const end = ciphertext.length - TAG.authTagLength
      if (end < 0) throw new Error("a ciphertext without a tag")
      decipher.setAuthTag(ciphertext.subarray(end))
      const plaintext = decipher.update(ciphertext.subarray(0, end))
      decipher.final()
      return new Uint8Array(plaintext)
    },
  }
}

/**
 * @template T
 * @param {() => T} make
 */
function ifNative(make) {
  try {
    return make()
  } catch {
    return undefined
  }
}
