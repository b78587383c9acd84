import { LineIndex } from "./contents.js"
import { findCredentials } from "../detect/detect.js"
import { type FindOwn, credentialFinding, keyOf, ownFinding } from "./finding-of.js"
import type { Finding } from "../report/finding.js"
import { apartFrom } from "./spans.js"

/** Private keys and own values in a text of more bytes a character, in whatever it is embedded. */
export function wideFindings(path: string, raw: Buffer, findOwn: FindOwn | undefined): Finding[] {
  if (!raw.includes(0)) return []
  const bytes = withoutNuls(raw)
  const text = bytes.toString("latin1")
  const lines = new LineIndex(text)
  const own = findOwn?.(bytes) ?? []
  return [
    ...own.map((hit) => ownFinding(path, text.slice(hit.start, hit.end), hit, lines)),
    ...findCredentials(text, { onlyKeys: true })
      .filter(apartFrom(own))
      .map((hit) => credentialFinding(path, text, hit, lines)),
  ]
}

/** Those of `others` that are not among `findings`. */
export function unseen(
  findings: readonly Finding[],
  others: readonly Finding[],
): readonly Finding[] {
  if (others.length === 0) return []
  const keys = new Set(findings.map(keyOf))
  return others.filter((other) => !keys.has(keyOf(other)))
}

/** A text of two or four bytes a character, wherever it stands, as one of one byte. */
function withoutNuls(bytes: Buffer): Buffer {
  const kept = Buffer.allocUnsafe(bytes.length)
  let length = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number
    if (byte !== 0) kept[length++] = byte
  }
  return kept.subarray(0, length)
}
