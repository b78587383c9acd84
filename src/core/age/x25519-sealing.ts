import { diffieHellman, generateKeyPairSync, randomBytes } from "node:crypto"
import { type AgeRecipient, encrypted, toBase64, wrap } from "./stanza.js"
import { TYPE, hkdf, importPublicKey, publicHalf, wrappingKey } from "./x25519.js"
import { FORM, macOf } from "./x25519-file.js"

// The way back from x25519.ts and x25519-file.ts, apart from them: a read does without.

const FILE_KEY_LENGTH = 16

/** A recipient that answers at once. */
interface X25519Recipient extends AgeRecipient {
  /** Wraps a file key, in one stanza. */
  wrap(fileKey: Uint8Array): { readonly share: Uint8Array; readonly body: Uint8Array }
}

/** The recipient of a 32-byte X25519 public key. */
export function x25519Recipient(publicKey: Uint8Array): X25519Recipient {
  const theirs = importPublicKey(publicKey)
  const wrapOne: X25519Recipient["wrap"] = (fileKey) => {
    // The share is X25519(ephemeral, base point), as the spec writes it. Exporting the ephemeral
    // public key instead hangs Node now and then: the export holds a lock that the generator's
    // leftovers want too, if garbage collection falls into that moment.
    const { privateKey } = generateKeyPairSync("x25519")
    const share = publicHalf(privateKey)
    const secret = diffieHellman({ privateKey, publicKey: theirs })
    return { share, body: wrap(fileKey, wrappingKey(secret, share, publicKey)) }
  }
  return {
    wrap: wrapOne,
    wrapFileKey(fileKey) {
      const { share, body } = wrapOne(fileKey)
      return [{ args: [TYPE, toBase64(share)], body }]
    },
  }
}

/** Seals many files to the same X25519 public keys. */
export function sealingToAll(
  publicKeys: readonly Uint8Array[],
): (plaintext: Uint8Array) => Promise<Uint8Array> {
  const recipients = publicKeys.map(x25519Recipient)
  return async (plaintext) =>
    sealX25519File(plaintext, recipients) ??
    (await import("./age-library.js")).sealingTo(recipients)(plaintext)
}

/**
 * Seals bytes to these recipients as the commonest form of an age file. Undefined for more than one
 * chunk, and for no recipients. Throws if a recipient is not a usable public key.
 */
export function sealX25519File(
  plaintext: Uint8Array,
  recipients: readonly X25519Recipient[],
): Uint8Array | undefined {
  if (plaintext.length > FORM.chunkLength || recipients.length === 0) return undefined
  const fileKey = randomBytes(FILE_KEY_LENGTH)
  const stanzas = recipients.map((recipient) => {
    const { share, body } = recipient.wrap(fileKey)
    return `${FORM.stanza}${toBase64(share)}\n${toBase64(body)}\n`
  })
  const signed = `${FORM.version}${stanzas.join("")}${FORM.mac.trimEnd()}`
  const header = Buffer.from(`${signed} ${toBase64(macOf(Buffer.from(signed), fileKey))}\n`)
  const nonce = randomBytes(FORM.nonceLength)
  const payload = encrypted(plaintext, hkdf(fileKey, nonce, "payload"), FORM.chunkNonce)
  // In a buffer of its own: Buffer's pool holds what others read.
  const file = new Uint8Array(header.length + nonce.length + payload.length)
  file.set(header)
  file.set(nonce, header.length)
  file.set(payload, header.length + nonce.length)
  return file
}
