import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from "node:crypto"
import { fromBase64, unwrap, type AgeIdentity } from "./stanza.js"

// The X25519 keys of the age spec on Node's own OpenSSL, some thirty times faster than
// the portable code of age-encryption, which takes these objects in place of its own.

/** What its stanzas begin with. */
export const TYPE = "X25519"
const LABEL = "age-encryption.org/v1/X25519"
const PKCS8_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex")
const BASE_POINT = Uint8Array.of(9, ...new Uint8Array(31))

/** An identity that answers at once. */
export interface X25519Identity extends AgeIdentity {
  /** The file key in a stanza's body, or `null` if it is for another key. Throws if it is broken. */
  unwrap(share: Uint8Array, body: Uint8Array): Uint8Array | null
}

/** The base point as a key, made when it is first used: Node takes milliseconds to load its crypto. */
let base: KeyObject | undefined
/** Whether a JWK may name any public half; Node 24 refuses another one than the private half has. */
let takesAnyPublicHalf = true

/** The identity of a 32-byte X25519 private key. */
export function x25519Identity(privateKey: Uint8Array): X25519Identity {
  const { mine, recipient } = halvesOf(privateKey)
  const unwrapOne: X25519Identity["unwrap"] = (share, body) => {
    const secret = diffieHellman({ privateKey: mine, publicKey: importPublicKey(share) })
    return unwrap(body, wrappingKey(secret, share, recipient))
  }
  return {
    unwrap: unwrapOne,
    unwrapFileKey(stanzas) {
      for (const { args, body } of stanzas) {
        if (args[0] !== TYPE) continue
        const [, argument, ...surplus] = args
        if (argument === undefined || surplus.length > 0) throw new Error("invalid X25519 stanza")
        const fileKey = unwrapOne(fromBase64(argument, 32), body)
        if (fileKey !== null) return fileKey
      }
      return null
    },
  }
}

/** The 32-byte public key of a 32-byte X25519 private key. */
export function x25519PublicKey(privateKey: Uint8Array): Uint8Array {
  return halvesOf(privateKey).recipient
}

/** Both halves of a key. */
interface Halves {
  readonly mine: KeyObject
  readonly recipient: Uint8Array
}

/** Of each key, first its recipient is asked, and then what it opens. */
const known = new WeakMap<Uint8Array, Halves>()

function halvesOf(privateKey: Uint8Array): Halves {
  const before = known.get(privateKey)
  if (before !== undefined) return before
  const mine = importPrivateKey(privateKey)
  const halves = { mine, recipient: publicHalf(mine) }
  known.set(privateKey, halves)
  return halves
}

// The spec demands that an all-zero secret, the mark of a low-order point, is refused: OpenSSL's
// derivation fails on it, so `diffieHellman` throws. test/core/age/x25519.test.ts holds it to that.
export function wrappingKey(
  secret: Uint8Array,
  share: Uint8Array,
  recipient: Uint8Array,
): Uint8Array {
  const salt = Buffer.concat([share, recipient])
  return hkdf(secret, salt, LABEL)
}

/** HKDF (RFC 5869) with SHA-256: 32 bytes, which are the first block. */
export function hkdf(secret: Uint8Array, salt: Uint8Array, label: string): Uint8Array {
  const key = createHmac("sha256", salt).update(secret).digest()
  return createHmac("sha256", key).update(`${label}\x01`).digest()
}

// JWK, because parsing and writing DER costs ten times as much in OpenSSL 3.
export function importPublicKey(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: jwk(bytes), format: "jwk" })
}

/** X25519(private half, base point), which is what the public half is. */
export function publicHalf(privateKey: KeyObject): Buffer {
  base ??= importPublicKey(BASE_POINT)
  return diffieHellman({ privateKey, publicKey: base })
}

// A JWK wants the public half too, which is not known yet: the base point stands for it where Node
// does not compare, and nobody asks the key for it.
function importPrivateKey(bytes: Uint8Array): KeyObject {
  if (takesAnyPublicHalf) {
    try {
      const d = Buffer.from(bytes).toString("base64url")
      return createPrivateKey({ key: { ...jwk(BASE_POINT), d }, format: "jwk" })
    } catch {
      takesAnyPublicHalf = false
    }
  }
  const key = Buffer.concat([PKCS8_PREFIX, bytes])
  return createPrivateKey({ key, format: "der", type: "pkcs8" })
}

function jwk(bytes: Uint8Array): { kty: string; crv: string; x: string } {
  return { kty: "OKP", crv: TYPE, x: Buffer.from(bytes).toString("base64url") }
}
