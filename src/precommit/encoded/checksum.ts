// The checksums that providers put into their tokens. A token whose checksum is wrong was never
// issued: it is a placeholder, or a slip of the pen.

/** The polynomial of CRC-32 as zlib and IEEE 802.3 have it, reflected. */
const POLYNOMIAL = 0xedb88320
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

/** What each value of a byte does to a CRC-32. Made when it is first needed: most commits need none. */
let steps: Int32Array | undefined

function stepsOfCrc(): Int32Array {
  const made = new Int32Array(256)
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    made[byte] = crc
  }
  return made
}

/** The CRC-32 of an ASCII text. */
export function crc32(text: string): number {
  steps ??= stepsOfCrc()
  let crc = ~0
  for (let at = 0; at < text.length; at += 1) {
    crc = (crc >>> 8) ^ (steps[(crc ^ text.charCodeAt(at)) & 255] as number)
  }
  return ~crc >>> 0
}

/** A number in base 62, digits first, then capitals, padded to six digits, as GitHub writes it. */
export function base62Crc(text: string): string {
  let rest = crc32(text)
  let digits = ""
  for (let count = 0; count < 6; count += 1) {
    digits = (BASE62[rest % 62] ?? "") + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}

/** A CRC-32 as eight hex digits, the lowest byte first, as Grafana writes it. */
export function littleEndianCrc(text: string): string {
  const hex = crc32(text).toString(16).padStart(8, "0")
  return (hex.match(/../g) ?? []).toReversed().join("")
}

/** The six characters that end a Bech32 text with this prefix (BIP 173), in lower case. */
export function bech32Checksum(prefix: string, data: string): string {
  const expanded = [
    ...Array.from(prefix, (letter) => letter.charCodeAt(0) >> 5),
    0,
    ...Array.from(prefix, (letter) => letter.charCodeAt(0) & 31),
    ...Array.from(data, (letter) => BECH32.indexOf(letter)),
  ]
  const sum = polymod([...expanded, 0, 0, 0, 0, 0, 0]) ^ 1
  return Array.from({ length: 6 }, (_, at) => BECH32[(sum >> (5 * (5 - at))) & 31]).join("")
}

function polymod(values: readonly number[]): number {
  const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
  let sum = 1
  for (const value of values) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    for (const [bit, term] of generator.entries()) if ((top >> bit) & 1) sum ^= term
  }
  return sum
}

/** Whether a token carries the checksum that its provider computes, by the name a rule gives it. */
export const checksums = {
  /** GitHub and npm: six digits at the end, over what follows the prefix. */
  base62: (token) => {
    const body = token.slice(token.indexOf("_") + 1)
    return base62Crc(body.slice(0, -6)) === body.slice(-6)
  },
  /** Grafana's service accounts: eight hex digits after the last underscore, over all before. */
  grafana: (token) => {
    const at = token.lastIndexOf("_")
    return littleEndianCrc(token.slice(0, at)) === token.slice(at + 1).toLowerCase()
  },
  /** age's identities. */
  bech32: (token) => {
    const text = token.toLowerCase()
    const at = text.lastIndexOf("1")
    return bech32Checksum(text.slice(0, at), text.slice(at + 1, -6)) === text.slice(-6)
  },
} satisfies Record<string, (token: string) => boolean>
