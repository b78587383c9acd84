import type { Kind } from "./rules.js"

/**
 * Whether a private key needs a passphrase to be used. The key itself says so: OpenSSH and
 * OpenPGP say so only within their Base64.
 *
 * @param text the key in its armour, as found in a file: perhaps indented, quoted or escaped
 */
export function kindOfKey(text: string): Kind {
  if (text.startsWith("LS0tLS1")) return kindOfKey(Buffer.from(text, "base64").toString("latin1"))
  if (/ENCRYPTED|^PuTTY.*\nEncryption: (?!none)/ms.test(text)) return "encrypted-key"
  const bytes = body(text)
  if (text.includes("OPENSSH")) {
    // PROTOCOL.key: "openssh-key-v1", a zero byte, then the cipher's name with its length before.
    const length = bytes.length > 19 ? bytes.readUInt32BE(15) : 0
    return bytes.toString("latin1", 19, 19 + length) === "none" ? "private-key" : "encrypted-key"
  }
  if (text.includes("PGP")) return isOpenPgpBare(bytes) ? "private-key" : "encrypted-key"
  return "private-key"
}

/** The bytes between the lines of the armour. */
function body(text: string): Buffer {
  const inner = text
    .replace(/-----[A-Z ]*-----/g, "")
    .replace(/\\+[nrt]/g, "\n")
    .replace(/^[\s"'+]*[A-Z][\w-]*: .*$/gm, "")
    .replace(/\n=[\w+/]{4}[\s\S]*$/, "")
  return Buffer.from(inner.replace(/[^A-Za-z0-9+/]/g, ""), "base64")
}

/** How many numbers, each with its length before, an algorithm's public part has: RFC 9580, 9.1. */
const NUMBERS = new Map([
  [1, 2],
  [2, 2],
  [3, 2],
  [16, 3],
  [17, 4],
])
/** The algorithms that name a curve and give a point on it. */
const [ECDH, ECDSA, EDDSA_LEGACY] = [18, 19, 22]
/** Those of RFC 9580 whose public part is so many bytes, without a length. */
const FIXED = new Map([
  [25, 32],
  [26, 56],
  [27, 32],
  [28, 57],
])

/**
 * RFC 9580, 5.5.3: after the public fields, one byte tells how the secret ones are protected. What
 * is of a kind that we do not know is taken for bare.
 */
function isOpenPgpBare(bytes: Buffer): boolean {
  const at = afterPublicFields(bytes)
  return at === undefined || at >= bytes.length || bytes[at] === 0
}

function afterPublicFields(bytes: Buffer): number | undefined {
  const version = afterPacketHeader(bytes)
  // The version, a time of four bytes, the algorithm.
  const algorithm = bytes[version + 5] ?? 0
  const fields = version + 6
  if (bytes[version] === 6) {
    return fields + 4 <= bytes.length ? fields + 4 + bytes.readUInt32BE(fields) : undefined
  }
  if (bytes[version] !== 4) return undefined
  const fixed = FIXED.get(algorithm)
  if (fixed !== undefined) return fields + fixed
  if ([ECDH, ECDSA, EDDSA_LEGACY].includes(algorithm)) {
    const point = afterNumbers(bytes, fields + 1 + (bytes[fields] ?? 0), 1)
    return point !== undefined && algorithm === ECDH ? point + 1 + (bytes[point] ?? 0) : point
  }
  const numbers = NUMBERS.get(algorithm)
  return numbers === undefined ? undefined : afterNumbers(bytes, fields, numbers)
}

function afterPacketHeader(bytes: Buffer): number {
  const tag = bytes[0] ?? 0
  if (!(tag & 0x40)) return 1 + ([1, 2, 4, 0][tag & 3] ?? 0)
  const length = bytes[1] ?? 0
  return length < 192 ? 2 : length < 224 ? 3 : 6
}

/** Each number has its length in bits before it. */
function afterNumbers(bytes: Buffer, from: number, count: number): number | undefined {
  let at = from
  for (let done = 0; done < count; done += 1) {
    if (at + 2 > bytes.length) return undefined
    at += 2 + Math.ceil(bytes.readUInt16BE(at) / 8)
  }
  return at
}
