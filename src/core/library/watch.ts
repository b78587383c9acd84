import { setTimeout as sleep } from "node:timers/promises"

/** A secret that has another value than before, or is gone. */
export interface SecretChange {
  /** `stripe/api-key` */
  readonly name: string
  /** Its version now; of one that is gone, the last. */
  readonly version: number
  readonly is: "set" | "gone"
}

/** The version of each secret that is watched, by name. */
export type Versions = ReadonlyMap<string, number>

/**
 * Looks at versions over and over, and yields what became another, from `before` on. Ends when
 * `signal` aborts. Whatever `look` throws ends it too.
 */
export async function* watchVersions(
  look: () => Promise<Versions>,
  before: Promise<Versions>,
  everyMs: number,
  signal: AbortSignal,
): AsyncGenerator<SecretChange, void, undefined> {
  let known = await before
  while (await isPassed(everyMs, signal)) {
    const now = await look()
    yield* changes(known, now)
    known = now
  }
}

/**
 * Whether a name is meant by one of the patterns, in which `*` stands for any characters: `*`,
 * `stripe/*`, `stripe/api-key`.
 */
export function isMeant(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matches(name, pattern.split("*")))
}

function matches(name: string, [first = "", ...others]: readonly string[]): boolean {
  if (!name.startsWith(first)) return false
  const last = others.pop()
  if (last === undefined) return name === first
  let at = first.length
  for (const part of others) {
    const found = name.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return name.endsWith(last) && name.length - last.length >= at
}

function* changes(before: Versions, now: Versions): Generator<SecretChange> {
  for (const [name, version] of now) {
    if (before.get(name) !== version) yield { name, version, is: "set" }
  }
  for (const [name, version] of before) {
    if (!now.has(name)) yield { name, version, is: "gone" }
  }
}

/** Waits, unless `signal` aborts first. */
export async function isPassed(
  ms: number,
  signal: AbortSignal,
  { ref = true }: { readonly ref?: boolean } = {},
): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal, ref })
    return true
  } catch {
    return false
  }
}
