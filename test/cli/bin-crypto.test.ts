import { randomBytes } from "node:crypto"
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { expand, extract, hkdf } from "@noble/hashes/hkdf.js"
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { describe, expect, test } from "vitest"
import * as ours from "../../scripts/bin-crypto.mjs"

// The bundle has hashes and a cipher of its own: they must be those that age-encryption imports.

const LENGTHS = [0, 1, 15, 16, 31, 32, 33, 63, 64, 65, 1_000, 65_536, 65_537]

function bytes(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length))
}

describe.each(LENGTHS)("of %i bytes", (length) => {
  const message = bytes(length)
  const key = bytes(32)

  test("the hash, and what is made of it, is the same", () => {
    expect(ours.sha256(message)).toEqual(sha256(message))
    expect(ours.hmac(ours.sha256, key, message)).toEqual(hmac(sha256, key, message))
    expect(ours.extract(ours.sha256, message, key)).toEqual(extract(sha256, message, key))
    expect(ours.extract(ours.sha256, message)).toEqual(extract(sha256, message))
    const [theirs, mine] = [hkdf, ours.hkdf]
    expect(mine(ours.sha256, key, message, key, 32)).toEqual(theirs(sha256, key, message, key, 32))
    const none = undefined
    expect(mine(ours.sha256, key, none, none, 32)).toEqual(theirs(sha256, key, none, none, 32))
  })

  test("the ciphertext is the same, each opens the other's, and neither opens a changed one", () => {
    const nonce = bytes(12)
    const sealed = chacha20poly1305(key, nonce).encrypt(message)
    const mine = ours.chacha20poly1305(key, nonce)
    expect(mine.encrypt(message)).toEqual(sealed)
    expect(mine.decrypt(sealed)).toEqual(message)
    for (const at of [0, length, length + 15]) {
      const changed = Uint8Array.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(() => mine.decrypt(changed)).toThrow()
    }
    expect(() => mine.decrypt(sealed.subarray(0, -1))).toThrow()
  })
})

test.each([1, 31, 32, 33, 255 * 32])("a key of %i bytes is expanded alike", (length) => {
  const [key, info] = [bytes(32), bytes(20)]
  expect(ours.expand(ours.sha256, key, info, length)).toEqual(expand(sha256, key, info, length))
  expect(() => ours.expand(ours.sha256, key, info, 255 * 32 + 1)).toThrow()
})

test("what is shorter than a tag is no ciphertext", () => {
  expect(() => ours.chacha20poly1305(bytes(32), bytes(12)).decrypt(bytes(15))).toThrow()
})
