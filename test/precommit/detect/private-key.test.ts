import { randomBytes } from "node:crypto"
import { expect, test } from "vitest"
import { kindOfKey } from "../../../src/precommit/detect/private-key.js"

/** Says that the secret part is there as it is, or how it is encrypted; RFC 9580, 3.7.2. */
const [BARE, AEAD, CHECKED] = [0, 253, 254]

/** A length in bits, and so many bits. */
function number(bits: number): Buffer {
  const bytes = randomBytes(Math.ceil(bits / 8))
  bytes[0] = 1 << ((bits - 1) % 8)
  return Buffer.concat([Buffer.from([bits >> 8, bits & 255]), bytes])
}

const point = (bits: number): Buffer => Buffer.concat([Buffer.from([3, 1, 2, 3]), number(bits)])
const kdf = Buffer.from([3, 1, 8, 7])
const five = (first: number): Buffer => Buffer.concat([Buffer.from([first]), randomBytes(4)])

/** A secret key of version 4 up to its public fields. */
const four = (algorithm: number, ...fields: readonly Buffer[]): Buffer =>
  Buffer.concat([five(4), Buffer.from([algorithm]), ...fields])

/** One of version 6, which says how long its public fields are. */
function six(algorithm: number, fields: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(fields.length)
  return Buffer.concat([five(6), Buffer.from([algorithm]), length, fields])
}

function armoured(publicPart: Buffer, protection: number, isOld = false): string {
  const packet = Buffer.concat([publicPart, Buffer.from([protection]), randomBytes(80)])
  const { length } = packet
  const header = isOld
    ? [0x95, length >> 8, length & 255]
    : length < 192
      ? [0xc5, length]
      : [0xc5, 192 + ((length - 192) >> 8), (length - 192) & 255]
  const body = Buffer.concat([Buffer.from(header), packet]).toString("base64")
  const lines = body.match(/.{1,64}/g) ?? []
  const block = "PGP PRIVATE KEY BLOCK"
  return [`-----BEGIN ${block}-----`, "", ...lines, "=AbCd", `-----END ${block}-----`].join("\n")
}

test.each([
  ["RSA", four(1, number(2048), number(17))],
  ["DSA", four(17, number(2048), number(256), number(2047), number(2046))],
  ["ElGamal", four(16, number(2048), number(3), number(2047))],
  ["ECDH", four(18, point(515), kdf)],
  ["ECDSA", four(19, point(515))],
  ["EdDSA as it was", four(22, point(263))],
  ["X25519", four(25, randomBytes(32))],
  ["X448", four(26, randomBytes(56))],
  ["Ed25519", four(27, randomBytes(32))],
  ["Ed448", four(28, randomBytes(57))],
  ["Ed25519, version 6", six(27, randomBytes(32))],
  ["an algorithm to come, version 6", six(35, randomBytes(1000))],
])("an OpenPGP key says whether it is under a passphrase: %s", (_name, publicPart) => {
  for (const isOld of [false, true]) {
    expect(kindOfKey(armoured(publicPart, BARE, isOld))).toBe("private-key")
    expect(kindOfKey(armoured(publicPart, CHECKED, isOld))).toBe("encrypted-key")
    expect(kindOfKey(armoured(publicPart, AEAD, isOld))).toBe("encrypted-key")
  }
})

test("what is of a kind that nobody knows is taken for bare", () => {
  expect(kindOfKey(armoured(four(99, number(256)), CHECKED))).toBe("private-key")
  expect(kindOfKey("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n")).toBe("private-key")
})
