import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from "node:crypto"
import {
  fromBase64,
  toBase64,
  unwrap,
  wrap,
  type AgeIdentity,
  type AgeRecipient,
} from "./stanza.js"

// The X25519 recipient type of the age spec on Node's own OpenSSL, some thirty times faster than
// the portable code of age-encryption, which takes these objects in place of its own.

const TYPE = "X25519"
const LABEL = "age-encryption.org/v1/X25519"
const PKCS8_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex")
const BASE_POINT = importPublicKey(Uint8Array.of(9, ...new Uint8Array(31)))

/** The recipient of a 32-byte X25519 public key. */
export function x25519Recipient(publicKey: Uint8Array): AgeRecipient {
  const theirs = importPublicKey(publicKey)
  return {
    wrapFileKey(fileKey) {
      // The share is X25519(ephemeral, base point), as the spec writes it. Exporting the ephemeral
      // public key instead hangs Node now and then: the export holds a lock that the generator's
      // leftovers want too, if garbage collection falls into that moment.
      const { privateKey } = generateKeyPairSync("x25519")
      const share = diffieHellman({ privateKey, publicKey: BASE_POINT })
      const secret = diffieHellman({ privateKey, publicKey: theirs })
      const key = wrappingKey(secret, share, publicKey)
      return [{ args: [TYPE, toBase64(share)], body: wrap(fileKey, key) }]
    },
  }
}

/** The identity of a 32-byte X25519 private key. */
export function x25519Identity(privateKey: Uint8Array): AgeIdentity {
  const mine = importPrivateKey(privateKey)
  const recipient = exportPublicKey(createPublicKey(mine))
  return {
    unwrapFileKey(stanzas) {
      for (const { args, body } of stanzas) {
        if (args[0] !== TYPE) continue
        const [, argument, ...surplus] = args
        if (argument === undefined || surplus.length > 0) throw new Error("invalid X25519 stanza")
        const share = fromBase64(argument, 32)
        const secret = diffieHellman({ privateKey: mine, publicKey: importPublicKey(share) })
        const fileKey = unwrap(body, wrappingKey(secret, share, recipient))
        if (fileKey !== null) return fileKey
      }
      return null
    },
  }
}

/** The 32-byte public key of a 32-byte X25519 private key. */
export function x25519PublicKey(privateKey: Uint8Array): Uint8Array {
  return exportPublicKey(createPublicKey(importPrivateKey(privateKey)))
}

// The spec demands that an all-zero secret, the mark of a low-order point, is refused: OpenSSL's
// derivation fails on it, so `diffieHellman` throws. test/core/age/x25519.test.ts holds it to that.
function wrappingKey(secret: Uint8Array, share: Uint8Array, recipient: Uint8Array): Uint8Array {
  const salt = Buffer.concat([share, recipient])
  return new Uint8Array(hkdfSync("sha256", secret, salt, LABEL, 32))
}

// JWK, because parsing and writing DER costs ten times as much in OpenSSL 3.
function importPublicKey(bytes: Uint8Array): KeyObject {
  const x = Buffer.from(bytes).toString("base64url")
  return createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" })
}

function exportPublicKey(key: KeyObject): Uint8Array {
  return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url")
}

// DER here: a JWK would want the public key too, which is not known yet.
function importPrivateKey(bytes: Uint8Array): KeyObject {
  const key = Buffer.concat([PKCS8_PREFIX, bytes])
  return createPrivateKey({ key, format: "der", type: "pkcs8" })
}
