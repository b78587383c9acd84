import { createHmac, timingSafeEqual } from "node:crypto"
import { decrypted, fromBase64 } from "./stanza.js"
import { type X25519Identity, hkdf } from "./x25519.js"

// The commonest form of an age file: nothing but X25519 stanzas, and one chunk. Each line of such a
// header has a fixed length. docs/decisions/0035 says why this is not left to age-encryption.

const VERSION = "age-encryption.org/v1\n"
const STANZA = "-> X25519 "
const MAC = "--- "
/** 32 bytes in base64, and the end of their line. */
const LINE = 44
const STANZA_LENGTH = STANZA.length + 2 * LINE
const NO_SALT = new Uint8Array(0)
const NONCE_LENGTH = 16
const TAG_LENGTH = 16
const CHUNK_LENGTH = 64 * 1024
/** Of the first chunk, which is the last. */
const CHUNK_NONCE = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)

interface Header {
  readonly stanzas: readonly { readonly share: Uint8Array; readonly body: Uint8Array }[]
  readonly mac: Uint8Array
  /** The bytes that the code is made over, and all. */
  readonly signed: number
  readonly length: number
}

/**
 * Opens a file of this form with the first of these identities that it is sealed to. Undefined for
 * any other file: of another form, sealed to others, or damaged, which age-encryption is to tell.
 */
export function openX25519File(
  file: Uint8Array,
  identities: readonly X25519Identity[],
): Uint8Array | undefined {
  if (identities.length === 0) return undefined
  try {
    const bytes = Buffer.from(file.buffer, file.byteOffset, file.length)
    const header = headerOf(bytes)
    const fileKey = header && fileKeyIn(header, identities)
    if (!fileKey || !isAuthentic(header, bytes, fileKey)) return undefined
    return payload(bytes.subarray(header.length), fileKey)
  } catch {
    return undefined
  }
}

/** Throws for what is not base64. */
function headerOf(file: Buffer): Header | undefined {
  let end = VERSION.length
  while (file.toString("latin1", end, end + STANZA.length) === STANZA) end += STANZA_LENGTH
  const signed = end + MAC.length - 1
  const length = end + MAC.length + LINE
  const text = file.toString("latin1", 0, length)
  if (!text.startsWith(VERSION) || !text.startsWith(MAC, end)) return undefined
  const stanzas: Header["stanzas"][number][] = []
  for (let at = VERSION.length; at < end; at += STANZA_LENGTH) {
    const [share, body] = [at + STANZA.length, at + STANZA.length + LINE]
    stanzas.push({ share: lineAt(text, share), body: lineAt(text, body) })
  }
  return { stanzas, mac: lineAt(text, end + MAC.length), signed, length }
}

function lineAt(text: string, at: number): Uint8Array {
  const end = at + LINE - 1
  if (text[end] !== "\n") throw new Error("a line of another length")
  return fromBase64(text.slice(at, end), 32)
}

function fileKeyIn(
  { stanzas }: Header,
  identities: readonly X25519Identity[],
): Uint8Array | undefined {
  for (const identity of identities) {
    for (const { share, body } of stanzas) {
      const fileKey = identity.unwrap(share, body)
      if (fileKey !== null) return fileKey
    }
  }
  return undefined
}

function isAuthentic({ mac, signed }: Header, file: Buffer, fileKey: Uint8Array): boolean {
  const key = hkdf(fileKey, NO_SALT, "header")
  return timingSafeEqual(createHmac("sha256", key).update(file.subarray(0, signed)).digest(), mac)
}

function payload(rest: Buffer, fileKey: Uint8Array): Uint8Array | undefined {
  const sealed = rest.subarray(NONCE_LENGTH)
  if (sealed.length < TAG_LENGTH || sealed.length > CHUNK_LENGTH + TAG_LENGTH) return undefined
  const key = hkdf(fileKey, rest.subarray(0, NONCE_LENGTH), "payload")
  const plaintext = decrypted(sealed, key, CHUNK_NONCE)
  return plaintext && new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length)
}
