import { type Form, SHORTEST, formsOf } from "./forms.js"
import { KEY_LENGTH, type Needle, Needles, keyAt, scatter } from "./needles.js"

/** A secret that is to be kept out of a stream. */
export interface Redacted {
  readonly name: string
  readonly value: Uint8Array
}

/** What a stream is searched for, compiled once and shared by any number of streams. */
export interface Patterns {
  /** The secrets that are not looked for: their values have under 6 bytes. */
  readonly short: readonly string[]
  /** The name of each secret. */
  readonly names: readonly string[]
  /** The text that replaces each secret. */
  readonly markers: readonly Buffer[]
  /** Needles that stand in one piece. */
  readonly whole: Needles
  /** Needles that may be broken into lines, or stand in one piece. */
  readonly wrapping: Needles
  readonly filter: Filter
}

/**
 * Tells where no needle is, from 4 bytes at every third place. A needle has at least 6, so
 * wherever it begins, one of those places has 4 of its first 6. An entry has a bit for each
 * distance from the needle's beginning: 1 for none, 2 for one byte, 4 for two.
 */
interface Filter {
  readonly table: Uint8Array
  /** For {@link scatter}. */
  readonly shift: number
}

/** The distance of the places at which a stream is looked at. */
export const STRIDE = SHORTEST - KEY_LENGTH + 1
/**
 * So much larger than its content the filter is at least, for few false alarms. Larger ones would
 * fall out of the processor's cache, which costs more.
 */
const ROOM = 32
const MOST_BITS = 21
const FEWEST_BITS = 12

/**
 * Prepares the search for secrets in all their forms. Of two secrets with the same value, the
 * first gives its name. Values under 6 bytes are not looked for, and named in `short`.
 */
export function compilePatterns(secrets: readonly Redacted[]): Patterns {
  return patternsOf(secrets, formsOf)
}

/** The same for other forms of each value. */
export function patternsOf(
  secrets: readonly Redacted[],
  formsIn: (value: Uint8Array) => readonly Form[],
): Patterns {
  const short: string[] = []
  const whole: Needle[] = []
  const wrapping: Needle[] = []
  for (const [secret, { name, value }] of secrets.entries()) {
    const forms = formsIn(value)
    if (forms.length === 0) short.push(name)
    for (const { bytes, wraps } of forms) (wraps ? wrapping : whole).push({ bytes, secret })
  }
  const patterns = { whole: new Needles(whole), wrapping: new Needles(wrapping) }
  return {
    short,
    names: secrets.map(({ name }) => name),
    markers: secrets.map(({ name }) => Buffer.from(`[REDACTED ${name}]`)),
    ...patterns,
    filter: filterOf([patterns.whole, patterns.wrapping]),
  }
}

function filterOf(sets: readonly Needles[]): Filter {
  const distances = new Map<number, number>()
  for (const { bytes, starts, count } of sets) {
    for (let needle = 0; needle < count; needle += 1) {
      for (let distance = 0; distance < STRIDE; distance += 1) {
        const key = keyAt(bytes, (starts[needle] ?? 0) + distance)
        distances.set(key, (distances.get(key) ?? 0) | (1 << distance))
      }
    }
  }
  const wanted = Math.ceil(Math.log2(distances.size * ROOM + 1))
  const bits = Math.min(MOST_BITS, Math.max(FEWEST_BITS, wanted))
  const table = new Uint8Array(1 << bits)
  const shift = 32 - bits
  for (const [key, bit] of distances) {
    const entry = scatter(key, shift)
    table[entry] = (table[entry] ?? 0) | bit
  }
  return { table, shift }
}
