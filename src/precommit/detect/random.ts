import pairs from "./pairs.json" with { type: "json" }

// Entropy by counting characters hardly tells a key from a long name: both use many letters.
// What tells them apart is which character follows which. scripts/guard-pairs.mjs learned that
// from source code; bench/guard-detection.md has the figures.

const DIGIT = 52
const OTHER = 53

/**
 * How many bits the text speaks for chance: positive if a random generator would rather have
 * written it, negative if a person would. A key of 20 characters reaches 40, a name stays below 0.
 */
export function randomBits(text: string): number {
  const ofAll = Math.log2(alphabetSize(text))
  let bits = 0
  // Digits in base 16 among other parts are still digits in base 16.
  for (const part of text.split(/([^A-Za-z0-9]+)/)) {
    // Words in capitals are words.
    const word = /[a-z]/.test(part) ? part : part.toLowerCase()
    bits += bitsOf(word, isHex(part) ? 4 : ofAll)
  }
  return bits
}

/** A provider may put a few letters before the digits. */
function isHex(part: string): boolean {
  return (
    (part.length >= 8 && /^(?=.*\d)(?:[0-9a-f]+|[0-9A-F]+)$/.test(part)) ||
    /^[a-z]{1,6}(?=[a-f]*\d)[0-9a-f]{24,}$/.test(part)
  )
}

function bitsOf(text: string, perCharacter: number): number {
  let bits = 0
  let previous = OTHER
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    const index = indexOf(code)
    if (index !== OTHER) {
      const written = ((pairs[previous] ?? "").charCodeAt(index) - 35) / 4
      // Ten digits share one place in the table.
      bits += written + (index === DIGIT ? Math.log2(10) : 0) - perCharacter
    }
    previous = index
  }
  return bits
}

/** How many characters the generator could choose from, judged by what it chose. */
function alphabetSize(text: string): number {
  const digit = /[0-9]/.test(text)
  if (digit && (/^[^g-zA-Z]+$/.test(text) || /^[^a-zG-Z]+$/.test(text))) {
    return /[a-fA-F]/.test(text) ? 16 : 10
  }
  const letters = (/[a-z]/.test(text) ? 26 : 0) + (/[A-Z]/.test(text) ? 26 : 0)
  return Math.max(10, letters + (digit ? 10 : 0))
}

function indexOf(code: number): number {
  if (code >= 97 && code <= 122) return code - 97
  if (code >= 65 && code <= 90) return code - 65 + 26
  return code >= 48 && code <= 57 ? DIGIT : OTHER
}

/** Shannon's entropy of a text's characters, in bits for each. */
export function entropy(text: string): number {
  // Characters beyond ASCII share places, which makes a little less of them.
  const counts = new Uint32Array(256)
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at) & 255
    counts[code] = (counts[code] as number) + 1
  }
  let sum = 0
  for (const count of counts) {
    if (count > 0) sum -= (count / text.length) * Math.log2(count / text.length)
  }
  return sum
}
