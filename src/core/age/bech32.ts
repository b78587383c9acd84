// Bech32 (BIP 173), without its limit of 90 characters, as the age spec has it: a hybrid recipient is
// longer. Of our own, since every command decodes keys at its start, where a library is new to V8.

const LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
/** What each value of the five bits that leave the checksum does to it. */
const STEPS = stepsOf([0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3])
/** Letters of the checksum. */
const CHECKSUM = 6

/** Encodes bytes under a prefix, in the prefix's case. */
export function encodeBech32(prefix: string, bytes: Uint8Array): string {
  const lower = prefix.toLowerCase()
  const words = regrouped(bytes, 8, 5)
  const sum = checksumOf(lower, words)
  for (let at = CHECKSUM - 1; at >= 0; at -= 1) words.push((sum >>> (5 * at)) & 31)
  let text = `${lower}1`
  for (const word of words) text += LETTERS[word] ?? ""
  return prefix === prefix.toUpperCase() ? text.toUpperCase() : text
}

/**
 * Decodes what {@link encodeBech32} made of `length` bytes under this prefix; `undefined` for any
 * other text. It throws nothing, since an error might repeat the text, which may be a key.
 */
export function decodeBech32(text: string, prefix: string, length: number): Uint8Array | undefined {
  const data = text.slice(prefix.length + 1, -CHECKSUM).toLowerCase()
  if (data.length !== Math.ceil((length * 8) / 5)) return undefined
  const words: number[] = []
  for (const letter of data) words.push(LETTERS.indexOf(letter))
  const bytes = Uint8Array.from(regrouped(words, 5, 8).slice(0, length))
  // There is one text for these bytes: what is wrong in any letter makes another.
  return encodeBech32(prefix, bytes) === text ? bytes : undefined
}

/** Numbers of so many bits as numbers of another size, the last one filled up with zeros. */
function regrouped(numbers: Iterable<number>, from: number, to: number): number[] {
  const made: number[] = []
  let [rest, bits] = [0, 0]
  for (const number of numbers) {
    rest = ((rest << from) | (number & ((1 << from) - 1))) & 0xffff
    for (bits += from; bits >= to; bits -= to) {
      made.push((rest >>> (bits - to)) & ((1 << to) - 1))
    }
  }
  if (bits > 0) made.push((rest << (to - bits)) & ((1 << to) - 1))
  return made
}

function checksumOf(prefix: string, words: readonly number[]): number {
  const [high, low]: [number[], number[]] = [[], []]
  for (let at = 0; at < prefix.length; at += 1) {
    high.push(prefix.charCodeAt(at) >>> 5)
    low.push(prefix.charCodeAt(at) & 31)
  }
  let sum = 1
  for (const value of [...high, 0, ...low, ...words, 0, 0, 0, 0, 0, 0]) {
    sum = ((sum & 0x1ffffff) << 5) ^ value ^ (STEPS[sum >>> 25] ?? 0)
  }
  return sum ^ 1
}

function stepsOf(generator: readonly number[]): readonly number[] {
  return Array.from({ length: 32 }, (_, top) => {
    return generator.reduce((step, term, bit) => ((top >>> bit) & 1 ? step ^ term : step), 0)
  })
}
