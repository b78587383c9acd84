/** Told of a word that occurs in the text: its number in the list, and the offset it begins at. */
export type OnWord = (word: number, start: number) => void

/** Three characters of 6 bits each decide whether any word may be here. */
const BITS = 6
const MASK = 2 ** (3 * BITS) - 1

/** How common a letter is in code, roughly: a word is looked for by its rarest three in a row. */
const COMMON = "etaonirslcdpumfhgbykvwx"

/**
 * Finds words in a text, in any case, in one pass that costs little more than reading it. That is
 * what lets hundreds of rules be checked: nearly all of them have nothing to look at.
 *
 * @param words at least three ASCII characters each, in any case
 */
export function wordFinder(words: readonly string[]): (text: string, onWord: OnWord) => void {
  const classes = classesOf(words)
  const codes = words.map((word) => Array.from(word, (_, at) => classOf(classes, word, at)))
  // Words that share their rarest three characters form a chain; 0 ends it.
  const heads = new Uint16Array(MASK + 1)
  const next = new Uint16Array(words.length + 1)
  const anchors = words.map((word, index) => {
    const anchor = rarest(word)
    const key = (codes[index] ?? []).slice(anchor, anchor + 3).reduce((sum, c) => (sum << BITS) | c)
    next[index + 1] = heads[key] as number
    heads[key] = index + 1
    return anchor + 2
  })

  return (text, onWord) => {
    let key = 0
    for (let at = 0; at < text.length; at += 1) {
      key = ((key << BITS) | classOf(classes, text, at)) & MASK
      let link = heads[key] as number
      while (link !== 0) {
        const start = at - (anchors[link - 1] as number)
        if (isAt(text, start, codes[link - 1] as number[], classes)) onWord(link - 1, start)
        link = next[link] as number
      }
    }
  }
}

/** A small number for each character that occurs in a word, the same in both cases; else 0. */
function classesOf(words: readonly string[]): Uint8Array {
  const classes = new Uint8Array(128)
  const letters = new Set(words.join("").toLowerCase())
  if (letters.size >= 2 ** BITS) throw new RangeError("too many different characters in keywords")
  for (const [index, letter] of Array.from(letters).entries()) {
    classes[letter.charCodeAt(0)] = index + 1
    classes[letter.toUpperCase().charCodeAt(0)] = index + 1
  }
  return classes
}

function classOf(classes: Uint8Array, text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code < 128 ? (classes[code] as number) : 0
}

function isAt(text: string, start: number, codes: readonly number[], classes: Uint8Array): boolean {
  if (start < 0 || start + codes.length > text.length) return false
  for (let at = 0; at < codes.length; at += 1) {
    if (classOf(classes, text, start + at) !== codes[at]) return false
  }
  return true
}

function rarest(word: string): number {
  const rareness = Array.from(word.toLowerCase(), (letter) => {
    const rank = COMMON.indexOf(letter)
    return rank < 0 ? COMMON.length : rank
  })
  let best = 0
  let most = -1
  for (let at = 0; at + 3 <= word.length; at += 1) {
    const sum = rareness.slice(at, at + 3).reduce((total, rank) => total + rank)
    if (sum > most) [best, most] = [at, sum]
  }
  return best
}
