import { decodedIn, textIn } from "../encoded/decoded.js"
import { joinedIn, placeIn } from "../encoded/joined.js"
import { type KeyFile, keyFileIn } from "../encoded/keystore.js"
import { seedPhrasesIn } from "../encoded/seed-phrase.js"
import { isPublished } from "./accept.js"
import type { Detection } from "./overlaps.js"
import { DER_KEY, GENERIC, KEYSTORE, PASSWORD, SEED_PHRASE } from "./rules.js"
import type { Extent } from "./veto.js"

/** The file of keys that bytes are: found as a whole, at its beginning. */
export function findKeyFile(bytes: Buffer): Detection[] | undefined {
  const file = keyFileIn(bytes)
  return file && [{ rule: ruleOf(file), start: 0, end: bytes.length, kind: file.kind }]
}

/** Finds what is in a text that a run of another one stands for. Several runs have none in common. */
type FindWithin = (text: string, run?: Extent) => readonly Detection[]

/**
 * What a text holds in another form: a wallet's key in words; in Base64, files of keys, and what
 * `find` finds in a text; what it finds where code joins pieces. What Base64 hides is found as the
 * whole run.
 */
export function* hiddenIn(text: string, onlyKeys: boolean, find: FindWithin): Generator<Detection> {
  for (const { words, start, end } of onlyKeys ? [] : seedPhrasesIn(text)) {
    if (isPublished(words, "credential")) continue
    yield { rule: SEED_PHRASE.id, start, end, kind: "credential" }
  }
  for (const { bytes, start, end } of decodedIn(text)) {
    const file = keyFileIn(bytes)
    const inner = file === undefined ? textIn(bytes) : undefined
    if (file !== undefined) yield { rule: ruleOf(file), start, end, kind: file.kind }
    if (inner === undefined) continue
    for (const { rule, kind } of find(inner, { start, end })) yield { rule, start, end, kind }
  }
  yield* splitIn(text, find)
}

/** Rules that go by a name alone. */
const NAMED = new Set([GENERIC.id, PASSWORD.id])

/**
 * What `find` finds in a text only where code joins its pieces. Literals that stand side by side may
 * have nothing to do with each other; there, only what is known by more than its name counts.
 */
function* splitIn(text: string, find: FindWithin): Generator<Detection> {
  const joined = joinedIn(text)
  if (joined === undefined) return
  for (const { rule, kind, ...found } of find(joined.text)) {
    const place = placeIn(joined, found.start, found.end)
    if (!place || (!place.isSure && NAMED.has(rule))) continue
    yield { rule, start: place.start, end: place.end, kind }
  }
}

function ruleOf({ form }: KeyFile): string {
  return form === "der" ? DER_KEY.id : KEYSTORE.id
}
