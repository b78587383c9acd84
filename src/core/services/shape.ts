const LOWER = "abcdefghijklmnopqrstuvwxyz"
const UPPER = LOWER.toUpperCase()
const DIGITS = "0123456789"
const BASE62 = DIGITS + UPPER + LOWER

/** The alphabets that a template may name; `alnum` is lower case, `ALNUM` upper case. */
const ALPHABETS = new Map([
  ["base62", BASE62],
  ["base64", `${BASE62}+/`],
  ["base64url", `${BASE62}-_`],
  ["hex", `${DIGITS}abcdef`],
  ["HEX", `${DIGITS}ABCDEF`],
  ["alnum", DIGITS + LOWER],
  ["ALNUM", DIGITS + UPPER],
  ["digits", DIGITS],
])

/** What a key looks like: texts that stay, and symbols that differ from key to key. */
export interface Shape {
  /** In order: a text that stays, or that many symbols of an alphabet. */
  readonly parts: readonly (string | { readonly alphabet: string; readonly count: number })[]
}

/** The shape of what stands for a secret of no service, or of one that keeps no room. */
export const GENERAL_SHAPE = "avp_{base62:40}"

/**
 * Reads a template such as `sk-ant-api03-{base64url:93}AA`, in which `{alphabet:count}` is that
 * many symbols. Throws TypeError where it names an alphabet that is none.
 */
export function parseShape(template: string): Shape {
  const parts: (string | { alphabet: string; count: number })[] = []
  for (const [, fixed, name = "", count] of template.matchAll(/([^{]+)|\{(\w+):(\d+)\}|\{/g)) {
    const alphabet = ALPHABETS.get(name)
    if (fixed !== undefined) parts.push(fixed)
    else if (alphabet !== undefined) parts.push({ alphabet, count: Number(count) })
    else throw new TypeError(`a template names no alphabet of ours: ${template}`)
  }
  return { parts }
}

/** How many bits of randomness a text of this shape holds at most. */
export function bitsOf({ parts }: Shape): number {
  return parts.reduce(
    (sum, part) =>
      typeof part === "string" ? sum : sum + part.count * Math.log2(part.alphabet.length),
    0,
  )
}
