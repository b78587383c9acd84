import { decodedIn, textIn } from "../encoded/decoded.js"
import { type KeyFile, keyFileIn } from "../encoded/keystore.js"
import type { Detection } from "./overlaps.js"
import { DER_KEY, KEYSTORE } from "./rules.js"
import type { Extent } from "./veto.js"

/** The file of keys that bytes are: found as a whole, at its beginning. */
export function findKeyFile(bytes: Buffer): Detection[] | undefined {
  const file = keyFileIn(bytes)
  return file && [{ rule: ruleOf(file), start: 0, end: bytes.length, kind: file.kind }]
}

/**
 * What Base64 hides in a text: files of keys, and what `find` finds in a text. Each is found as the
 * whole run.
 */
export function* hiddenIn(
  text: string,
  find: (text: string, run: Extent) => readonly Detection[],
): Generator<Detection> {
  for (const { bytes, start, end } of decodedIn(text)) {
    const file = keyFileIn(bytes)
    const inner = file === undefined ? textIn(bytes) : undefined
    if (file !== undefined) yield { rule: ruleOf(file), start, end, kind: file.kind }
    if (inner === undefined) continue
    for (const { rule, kind } of find(inner, { start, end })) yield { rule, start, end, kind }
  }
}

function ruleOf({ form }: KeyFile): string {
  return form === "der" ? DER_KEY.id : KEYSTORE.id
}
