import { LineIndex } from "./contents.js"
import { findCredentials } from "../detect/detect.js"
import { credentialFinding, keyOf, ownFinding } from "./finding-of.js"
import type { LookedAt } from "./findings-in.js"
import type { Finding } from "../report/finding.js"
import { type Span, apartFrom } from "./spans.js"

/**
 * Private keys and own values in a text of more bytes a character, in whatever it is embedded. They
 * begin in a part of the bytes, if one is given.
 */
export function wideFindings(
  { path, finders }: LookedAt,
  raw: Buffer,
  part: Span = { start: 0, end: raw.length },
): Finding[] {
  if (!raw.includes(0)) return []
  const bytes = withoutNuls(raw)
  const text = bytes.toString("latin1")
  const lines = new LineIndex(text)
  const [from, to] = [part.start, part.end].map((at) => withoutNuls(raw.subarray(0, at)).length)
  const isInPart = ({ start }: Span): boolean => start >= (from ?? 0) && start < (to ?? 0)
  const own = finders.own?.(bytes) ?? []
  return [
    ...own
      .filter(isInPart)
      .map((hit) => ownFinding(path, text.slice(hit.start, hit.end), hit, lines)),
    ...findCredentials(text, { onlyKeys: true })
      .filter(isInPart)
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
