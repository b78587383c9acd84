import type { Kind } from "./rules.js"

/**
 * Whether a private key needs a passphrase to be used. It is told from the key itself: OpenSSH and
 * OpenPGP say so only within their Base64.
 *
 * @param text the key in its armour, as found in a file: perhaps indented, quoted or escaped
 */
export function kindOfKey(text: string): Kind {
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

/** RFC 9580, 5.5.3: after the public fields, one byte tells how the secret ones are protected. */
function isOpenPgpBare(bytes: Buffer): boolean {
  const at = afterPublicFields(bytes)
  return at !== undefined && bytes[at] === 0
}

function afterPublicFields(bytes: Buffer): number | undefined {
  const tag = bytes[0] ?? 0
  let at = 1
  if (tag & 0x40) {
    const length = bytes[1] ?? 0
    at += length < 192 ? 1 : length < 224 ? 2 : 5
  } else {
    at += [1, 2, 4, 0][tag & 3] ?? 0
  }
  // Version 4, time, algorithm.
  if (bytes[at] !== 4) return undefined
  const algorithm = bytes[at + 5] ?? 0
  at += 6
  const curve = algorithm === 18 || algorithm === 19 || algorithm === 22
  if (curve) at += 1 + (bytes[at] ?? 0)
  const numbers = curve
    ? 1
    : (new Map([
        [1, 2],
        [2, 2],
        [3, 2],
        [16, 3],
        [17, 4],
      ]).get(algorithm) ?? 0)
  for (let count = 0; count < numbers; count += 1) {
    if (at + 2 > bytes.length) return undefined
    at += 2 + Math.ceil(bytes.readUInt16BE(at) / 8)
  }
  if (algorithm === 18) at += 1 + (bytes[at] ?? 0)
  return at
}
