/** One element of DER, or of BER: its tag, and where its content lies. */
interface Element {
  readonly tag: number
  readonly start: number
  readonly end: number
}

const [INTEGER, OCTETS, OID, SEQUENCE] = [0x02, 0x04, 0x06, 0x30]
const [PARAMETERS, PUBLIC_KEY] = [0xa0, 0xa1]
/** An RSA key has nine numbers, a DSA key as OpenSSL writes it six; a public one at most four. */
const LEAST_NUMBERS = 6
const MOST_ELEMENTS = 12

/** 1.2.840.113549.1: of PKCS #5 the schemes of encryption, of PKCS #12 the older ones. */
const ENCRYPTION = [hex("2a864886f70d0105"), hex("2a864886f70d010c01")]
/** 1.2.840.113549.1.7, the contents of PKCS #7. */
const CONTENT = hex("2a864886f70d0107")
/** 1.2.840.113549.1.12.10.1, the bags of PKCS #12: a key, one under a passphrase, a secret. */
const BAG = hex("060b2a864886f70d010c0a01")
const [KEY_BAG, SHROUDED_BAG, SECRET_BAG] = [1, 2, 5]

/** Whether bytes are a private key in DER, bare or under a passphrase; see RFC 5958, 8017, 5915. */
export function derKey(bytes: Buffer): "private-key" | "encrypted-key" | undefined {
  const whole = elementAt(bytes, 0, bytes.length)
  if (whole?.tag !== SEQUENCE) return undefined
  const parts = elementsIn(bytes, whole)
  const [first, second, third] = parts
  if (parts.length === 2 && first?.tag === SEQUENCE && second?.tag === OCTETS) {
    return isScheme(bytes, first) ? "encrypted-key" : undefined
  }
  if (first?.tag !== INTEGER || first.end - first.start !== 1) return undefined
  const version = bytes[first.start] ?? 2
  if (version > 1) return undefined
  if (second?.tag === SEQUENCE && third?.tag === OCTETS) {
    return elementAt(bytes, second.start, second.end)?.tag === OID ? "private-key" : undefined
  }
  if (second?.tag === OCTETS) return isCurveKey(second, third) ? "private-key" : undefined
  const numbers = parts.filter(({ tag }) => tag === INTEGER)
  return numbers.length >= LEAST_NUMBERS && numbers.length === parts.length
    ? "private-key"
    : undefined
}

/** Whether bytes are a PKCS #12 file that holds a key: one of certificates only is none (RFC 7292). */
export function pkcs12Key(bytes: Buffer): "private-key" | "encrypted-key" | undefined {
  const whole = elementAt(bytes, 0, bytes.length)
  if (whole?.tag !== SEQUENCE) return undefined
  const [version, content] = elementsIn(bytes, whole, 2)
  if (version?.tag !== INTEGER || bytes[version.start] !== 3 || content?.tag !== SEQUENCE) {
    return undefined
  }
  const kind = elementAt(bytes, content.start, content.end)
  if (kind?.tag !== OID || !begins(bytes, kind, CONTENT)) return undefined
  let found: "encrypted-key" | undefined
  for (let at = bytes.indexOf(BAG); at !== -1; at = bytes.indexOf(BAG, at + BAG.length)) {
    const bag = bytes[at + BAG.length]
    if (bag === KEY_BAG) return "private-key"
    if (bag === SHROUDED_BAG || bag === SECRET_BAG) found = "encrypted-key"
  }
  return found
}

function isScheme(bytes: Buffer, algorithm: Element): boolean {
  const name = elementAt(bytes, algorithm.start, algorithm.end)
  return name?.tag === OID && ENCRYPTION.some((prefix) => begins(bytes, name, prefix))
}

/** RFC 5915: a number of the curve's length, and then the curve, or the public key, or nothing. */
function isCurveKey(number: Element, next: Element | undefined): boolean {
  const length = number.end - number.start
  const isNext = next === undefined || next.tag === PARAMETERS || next.tag === PUBLIC_KEY
  return length >= 20 && length <= 66 && isNext
}

function elementsIn(bytes: Buffer, { start, end }: Element, most = MOST_ELEMENTS): Element[] {
  const found: Element[] = []
  for (let at = start; at < end && found.length < most;) {
    const element = elementAt(bytes, at, end)
    if (element === undefined) return []
    found.push(element)
    at = element.end
  }
  return found
}

/** The element at an offset. One of BER's without a length goes on to the end of what is around. */
function elementAt(bytes: Buffer, at: number, limit: number): Element | undefined {
  const [tag, length] = [bytes[at], bytes[at + 1]]
  if (tag === undefined || length === undefined || at + 2 > limit) return undefined
  const start = at + 2
  if (length === 0x80) return { tag, start, end: limit }
  if (length < 0x80) {
    return start + length <= limit ? { tag, start, end: start + length } : undefined
  }
  const size = length & 0x7f
  if (size > 4 || start + size > limit) return undefined
  const end = start + size + bytes.readUIntBE(start, size)
  return end <= limit ? { tag, start: start + size, end } : undefined
}

function begins(bytes: Buffer, { start }: Element, prefix: Buffer): boolean {
  return bytes.subarray(start, start + prefix.length).equals(prefix)
}

function hex(text: string): Buffer {
  return Buffer.from(text, "hex")
}
