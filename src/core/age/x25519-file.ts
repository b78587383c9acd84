import { createHmac, timingSafeEqual } from "node:crypto"
import { decrypted, fromBase64 } from "./stanza.js"
import { type X25519Identity, hkdf } from "./x25519.js"

// The commonest form of an age file: nothing but X25519 stanzas, and one chunk. Each line of such a
// header has a fixed length. docs/decisions/0035 says why this is not left to age-encryption.

/** What such a file consists of. */
export const FORM = {
  version: "age-encryption.org/v1\n",
  stanza: "-> X25519 ",
  mac: "--- ",
  nonceLength: 16,
  chunkLength: 64 * 1024,
  /** Of the first chunk, which is the last. */
  chunkNonce: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
}
/** 32 bytes in base64, and the end of their line. */
const LINE = 44
const STANZA_LENGTH = FORM.stanza.length + 2 * LINE
const TAG_LENGTH = 16
const NO_SALT = new Uint8Array(0)

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
  let end = FORM.version.length
  const isStanza = (): boolean =>
    file.toString("latin1", end, end + FORM.stanza.length) === FORM.stanza
  while (isStanza()) end += STANZA_LENGTH
  const signed = end + FORM.mac.length - 1
  const length = end + FORM.mac.length + LINE
  const text = file.toString("latin1", 0, length)
  if (!text.startsWith(FORM.version) || !text.startsWith(FORM.mac, end)) return undefined
  const stanzas: Header["stanzas"][number][] = []
  for (let at = FORM.version.length; at < end; at += STANZA_LENGTH) {
    const [share, body] = [at + FORM.stanza.length, at + FORM.stanza.length + LINE]
    stanzas.push({ share: lineAt(text, share), body: lineAt(text, body) })
  }
  return { stanzas, mac: lineAt(text, end + FORM.mac.length), signed, length }
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
  return timingSafeEqual(macOf(file.subarray(0, signed), fileKey), mac)
}

/** The code of a header, up to `---`. */
export function macOf(header: Uint8Array, fileKey: Uint8Array): Uint8Array {
  const key = hkdf(fileKey, NO_SALT, "header")
  return createHmac("sha256", key).update(header).digest()
}

function payload(rest: Buffer, fileKey: Uint8Array): Uint8Array | undefined {
  const sealed = rest.subarray(FORM.nonceLength)
  if (sealed.length < TAG_LENGTH || sealed.length > FORM.chunkLength + TAG_LENGTH) return undefined
  const key = hkdf(fileKey, rest.subarray(0, FORM.nonceLength), "payload")
  const plaintext = decrypted(sealed, key, FORM.chunkNonce)
  return plaintext && new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length)
}
