import { derKey, pkcs12Key } from "./der-key.js"

/** A file of keys: what form it has, and whether a passphrase is needed to use them. */
export interface KeyFile {
  readonly form: "der" | "keystore"
  readonly kind: "private-key" | "encrypted-key"
}

const [JKS, JCEKS] = [0xfeedfeed, 0xcececece]
const [KEY, CERTIFICATE, SECRET] = [1, 2, 3]
/** Of Bouncy Castle's: a certificate, then keys in the clear, and sealed ones. */
const [BKS_CERTIFICATE, BKS_KEY, BKS_SECRET, BKS_SEALED] = [1, 2, 3, 4]
const MOST_ENTRIES = 10_000

/**
 * Whether bytes are a file with private keys in it: a key in DER, PKCS #12, or a keystore of Java's
 * (JKS, JCEKS) or Bouncy Castle's (BKS). One of certificates only, or of a public key, is none.
 */
export function keyFileIn(bytes: Buffer): KeyFile | undefined {
  if (bytes.length < 32) return undefined
  if (bytes[0] === 0x30) {
    const kind = derKey(bytes)
    if (kind !== undefined) return { form: "der", kind }
    return keystore(pkcs12Key(bytes))
  }
  const magic = bytes.readUInt32BE(0)
  if (magic === JKS || magic === JCEKS) return keystore(javaKey(new ByteReader(bytes)))
  return magic === 1 || magic === 2 ? keystore(castleKey(new ByteReader(bytes))) : undefined
}

function keystore(kind: KeyFile["kind"] | undefined): KeyFile | undefined {
  return kind === undefined ? undefined : { form: "keystore", kind }
}

/** Entry by entry; a key in it is always under a passphrase. */
function javaKey(reader: ByteReader): "encrypted-key" | undefined {
  reader.skip(4)
  const version = reader.number(4)
  const count = Math.min(reader.number(4), MOST_ENTRIES)
  for (let entry = 0; entry < count && reader.isInside; entry += 1) {
    const tag = reader.number(4)
    if (tag === KEY || tag === SECRET) return "encrypted-key"
    if (tag !== CERTIFICATE) return undefined
    reader.skip(reader.number(2))
    reader.skip(8)
    if (version === 2) reader.skip(reader.number(2))
    reader.skip(reader.number(4))
  }
  return undefined
}

function castleKey(reader: ByteReader): KeyFile["kind"] | undefined {
  reader.skip(4)
  const salt = reader.number(4)
  reader.skip(salt)
  const rounds = reader.number(4)
  if (salt !== 20 || rounds < 1 || rounds > 10_000_000) return undefined
  for (let entry = 0; entry < MOST_ENTRIES && reader.isInside; entry += 1) {
    const tag = reader.number(1)
    if (tag === BKS_SEALED) return "encrypted-key"
    if (tag === BKS_KEY || tag === BKS_SECRET) return "private-key"
    if (tag !== BKS_CERTIFICATE) return undefined
    reader.skip(reader.number(2))
    reader.skip(8)
    // The chain of a certificate is empty; then its form and its bytes.
    if (reader.number(4) !== 0) return undefined
    reader.skip(reader.number(2))
    reader.skip(reader.number(4))
  }
  return undefined
}

/** Reads numbers, the first byte the highest; behind the end there are zeros. */
class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isInside(): boolean {
    return this.#at < this.#bytes.length
  }

  number(size: number): number {
    const from = this.#at
    this.#at += size
    return this.#at <= this.#bytes.length ? this.#bytes.readUIntBE(from, size) : 0
  }

  skip(size: number): void {
    this.#at += size
  }
}
