/** A text that a manifest of Kubernetes keeps in Base64, and where that stands. */
interface EncodedText {
  readonly name: string
  readonly text: string
  readonly start: number
  readonly end: number
}

const SECRET = /^[ \t]{0,8}["']?kind["']?:[ \t]{0,4}["']?Secret["']?,?[ \t]{0,8}$/m
const ENTRY =
  /^[ \t]{1,12}["']?([\w.-]{1,200})["']?:[ \t]{1,4}(?:[|>]-?[ \t]{0,4}\r?\n[ \t]{1,12})?["']?([A-Za-z0-9+/]{8,20000}={0,2})["']?,?[ \t]{0,8}\r?$/gm

/** What the Secrets of a manifest hold, decoded. Binary values are left out. */
export function* entriesOf(manifest: string): Generator<EncodedText> {
  if (!manifest.includes("Secret") || !SECRET.test(manifest)) return
  for (const match of manifest.matchAll(ENTRY)) {
    const [, name = "", encoded = ""] = match
    const text = Buffer.from(encoded, "base64").toString("latin1")
    const end = match.index + match[0].lastIndexOf(encoded) + encoded.length
    if (/^[\t\n\r\x20-\x7e]+$/.test(text)) yield { name, text, start: end - encoded.length, end }
  }
}
