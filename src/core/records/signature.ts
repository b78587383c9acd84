import {
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto"
import { identityBytes } from "../age/age.js"
import { VaultError } from "../words/errors.js"
import { requiring } from "../words/system-error.js"

/** What may be signed: JSON without null, fractions or unsafe integers. */
export type Signable =
  string | number | boolean | readonly Signable[] | { readonly [key: string]: Signable }

/** The right to sign, an owner's or an agent's. Made by {@link signingKey}; the seed never leaves it. */
export interface SigningKey {
  /** The public half: `ed25519:` and 32 bytes in base64url without padding. */
  readonly signer: string
  /** An Ed25519 signature (RFC 8032) in base64url without padding. */
  sign(kind: string, body: Signable): string
}

/** Whether `signature` (base64url) was made over `body` by the signer this was made for. */
export interface Verifier {
  (kind: string, body: Signable, signature: string): boolean
  /** The same on another thread; absent where nothing is accepted from the signer. */
  readonly elsewhere?: (kind: string, body: Signable, signature: string) => Promise<boolean>
}

/** What a seed is derived for: an owner signs records, an agent the heads of its audit. */
const SEED_INFO = { records: "agent-vault/v1/signing", audit: "agent-vault/v1/audit" } as const
const PREFIX = "ed25519:"
// RFC 8410: the fixed PKCS #8 header of an Ed25519 private key; the 32-byte seed follows.
const PKCS8_HEADER = Buffer.from("302e020100300506032b657004220420", "hex")

/**
 * The signing key of an owner: HKDF-SHA256 over the 32 raw bytes of the owner's age identity, so
 * that one line is all there is to back up. With `audit`, the one by which an identity signs the
 * heads of its audit, which no record is accepted from. Throws `KEY_INVALID`.
 */
export function signingKey(
  identity: string,
  purpose: keyof typeof SEED_INFO = "records",
): SigningKey {
  const bytes = identityBytes(identity)
  const { key, x } = requiring(() => ed25519Key(bytes, SEED_INFO[purpose]))
  return {
    signer: PREFIX + x,
    sign: (kind, body) => {
      const signed = signedBytes(kind, body)
      return requiring(() => sign(null, signed, key)).toString("base64url")
    },
  }
}

function ed25519Key(identity: Uint8Array, info: string): { key: KeyObject; x: string } {
  const seed = hkdfSync("sha256", identity, "", info, 32)
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_HEADER, Buffer.from(seed)]),
    format: "der",
    type: "pkcs8",
  })
  const { x } = createPublicKey(key).export({ format: "jwk" })
  if (x === undefined) throw new TypeError("no public half of the signing key")
  return { key, x }
}

/**
 * A verifier for one signer; make it once and use it for many records. Throws `RECORD_INVALID` for
 * a second spelling of a signer: they are compared as text.
 */
export function verifier(signer: string): Verifier {
  const x = signer.slice(PREFIX.length)
  if (Buffer.from(x, "base64url").toString("base64url") !== x) {
    throw new VaultError("RECORD_INVALID", "a signer is not in its one spelling")
  }
  const jwk = { kty: "OKP", crv: "Ed25519", x }
  const key = requiring(() => createPublicKey({ key: jwk, format: "jwk" }))
  const here: Verifier = (kind, body, signature) => {
    const bytes = bytesOf(signature)
    return bytes !== undefined && requiring(() => verify(null, signedBytes(kind, body), key, bytes))
  }
  const elsewhere: Verifier["elsewhere"] = async (kind, body, signature) => {
    const bytes = bytesOf(signature)
    if (bytes === undefined) return false
    const signed = signedBytes(kind, body)
    return new Promise((resolve) => {
      verify(null, signed, key, bytes, (error, isValid) => resolve(error === null && isValid))
    })
  }
  return Object.assign(here, { elsewhere })
}

/** base64 has spare bits at its end: only one spelling of a signature is accepted. */
function bytesOf(signature: string): Buffer | undefined {
  const bytes = Buffer.from(signature, "base64url")
  return bytes.toString("base64url") === signature ? bytes : undefined
}

/** The exact bytes that are signed: a line naming format and kind, then the canonical JSON. */
function signedBytes(kind: string, body: Signable): Buffer {
  return Buffer.from(`agent-vault/v1/${kind}\n${canonicalJson(body)}`, "utf8")
}

/**
 * RFC 8785 canonical JSON. Numbers are safe integers, for which `String` is the RFC's form, and
 * JavaScript's own string escapes and sort order (UTF-16 code units) are the RFC's as well.
 * Throws `RECORD_INVALID` for anything that JSON cannot carry without loss.
 */
export function canonicalJson(value: Signable): string {
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw uncanonical("a string is not valid Unicode")
    return JSON.stringify(value)
  }
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw uncanonical("a number is not a safe integer")
    return String(value)
  }
  if (typeof value === "boolean") return String(value)
  if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${canonicalJson(key)}:${canonicalJson(member)}`)
  return `{${members.join(",")}}`
}

function isList(value: Signable): value is readonly Signable[] {
  return Array.isArray(value)
}

function uncanonical(why: string): VaultError {
  return new VaultError("RECORD_INVALID", `a record cannot be signed: ${why}`)
}
