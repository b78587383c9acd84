/** RFC 7468, and what OpenSSL writes: a label, headers perhaps, base64, and the same label. */
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----((?:[^-]|-{1,4}(?!-))*)-----END \1-----/g
/** A line's end, escaped ones as in JSON too. */
const LINE_END = /\\r\\n|\\n|\\r|[\r\n]+/
const BASE64 = /^[A-Za-z0-9+/]+=*$/

/** The bytes in the PEM blocks of a value: the key itself, whose text may be wrapped otherwise. */
export function pemBytes(value: Buffer): Buffer[] {
  return [...value.toString("latin1").matchAll(BLOCK)].flatMap(([, , body = ""]) => {
    // An encrypted key of OpenSSL's has headers; OpenPGP's armor ends in a checksum.
    const lines = body.split(LINE_END).map((line) => line.trim())
    const digits = lines.filter((line) => BASE64.test(line)).join("")
    return digits === "" ? [] : [Buffer.from(digits, "base64")]
  })
}
