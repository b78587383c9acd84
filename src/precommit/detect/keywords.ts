/** Receives each word that occurs in the text: its number in the list, and its offset. */
export type OnWord = (word: number, start: number) => void

/** Three characters of 6 bits each decide whether any word may be here. */
const BITS = 6
const MASK = 2 ** (3 * BITS) - 1

/** How common a letter is in code, roughly: a word is looked for by its rarest three in a row. */
const COMMON = "etaonirslcdpumfhgbykvwx"

/** A number from 1 to 63 for each ASCII character, the same in both cases. */
const CLASSES = new Uint8Array(128)
/** How rare each ASCII character is in code. */
const RARENESS = new Uint8Array(128).fill(COMMON.length)
for (let code = 0; code < 128; code += 1) {
  const lower = lowerCase(code)
  // Letters have numbers of their own; of the others some share one, which costs only time.
  CLASSES[code] = lower >= 97 && lower <= 122 ? lower - 96 : 27 + (code % 37)
}
for (let rank = 0; rank < COMMON.length; rank += 1) {
  RARENESS[COMMON.charCodeAt(rank)] = rank
  RARENESS[COMMON.charCodeAt(rank) - 32] = rank
}

/**
 * Finds words in a text, in any case, in one pass that costs little more than reading it. That is
 * what lets hundreds of rules be checked: nearly all of them have nothing to look at. It is made
 * at each start, before any code of it is compiled, so it does little with each character.
 *
 * @param words at least three ASCII characters each, in lower case
 */
export function wordFinder(words: readonly string[]): (text: string, onWord: OnWord) => void {
  // Words that share their rarest three characters form a chain; 0 ends it.
  const heads = new Uint16Array(MASK + 1)
  const next = new Uint16Array(words.length + 1)
  const anchors = new Uint8Array(words.length)
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] as string
    const anchor = rarest(word)
    let key = 0
    for (let at = anchor; at < anchor + 3; at += 1) key = (key << BITS) | classOf(word, at)
    next[index + 1] = heads[key] as number
    heads[key] = index + 1
    anchors[index] = anchor + 2
  }

  return (text, onWord) => {
    let key = 0
    for (let at = 0; at < text.length; at += 1) {
      // Not classOf(): before it is compiled, a call costs more than all the rest.
      const code = text.charCodeAt(at)
      key = ((key << BITS) | (code < 128 ? (CLASSES[code] as number) : 0)) & MASK
      let link = heads[key] as number
      while (link !== 0) {
        const start = at - (anchors[link - 1] as number)
        if (isAt(text, start, words[link - 1] as string)) onWord(link - 1, start)
        link = next[link] as number
      }
    }
  }
}

function classOf(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code < 128 ? (CLASSES[code] as number) : 0
}

function isAt(text: string, start: number, word: string): boolean {
  if (start < 0 || start + word.length > text.length) return false
  for (let at = 0; at < word.length; at += 1) {
    if (lowerCase(text.charCodeAt(start + at)) !== word.charCodeAt(at)) return false
  }
  return true
}

function lowerCase(code: number): number {
  return code >= 65 && code <= 90 ? code + 32 : code
}

/** Where the three characters in a row begin that are rarest in code. */
function rarest(word: string): number {
  let best = 0
  let most = -1
  let first = RARENESS[word.charCodeAt(0)] as number
  let second = RARENESS[word.charCodeAt(1)] as number
  for (let at = 2; at < word.length; at += 1) {
    const third = RARENESS[word.charCodeAt(at)] as number
    if (first + second + third > most) {
      most = first + second + third
      best = at - 2
    }
    first = second
    second = third
  }
  return best
}
