/** Receives each word that occurs in the text: its number in the list, and its offset. */
type OnWord = (word: number, start: number) => void
/** Finds words in a text, in any case, each at each place where it stands. */
export type FindWords = (text: string, onWord: OnWord) => void

/**
 * One regular expression for words in lower case: it matches the shortest that begins at a place.
 * Letters that the same goes on after are a class, so that V8 compiles a thousand words in a
 * millisecond.
 */
export function expressionOf(words: readonly string[]): string {
  const rests = new Map<string, string[]>()
  for (const word of words) {
    const [first = ""] = word
    rests.set(first, [...(rests.get(first) ?? []), word.slice(1)])
  }
  if (rests.has("")) return ""
  const firsts = new Map<string, string[]>()
  for (const [first, some] of rests) {
    const rest = expressionOf(some)
    firsts.set(rest, [...(firsts.get(rest) ?? []), escaped(first)])
  }
  const alternatives = Array.from(firsts, ([rest, letters]) => {
    return letters.length === 1 ? `${letters.join("")}${rest}` : `[${letters.join("")}]${rest}`
  })
  return alternatives.length === 1 ? alternatives.join("") : `(?:${alternatives.join("|")})`
}

function escaped(letter: string): string {
  return /\w/.test(letter) ? letter : `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`
}

const LONG_TEXT = " ".repeat(1000)

/**
 * Finds words by such an expression: at once, but it takes three times as long for each character
 * as `wordFinder`, which V8 must compile in the midst of its work.
 *
 * @param words in lower case, sorted
 */
export function wordMatcher(words: readonly string[], expression: string): FindWords {
  const pattern = new RegExp(expression, "g")
  // Met with so long a text first, V8 makes machine code of it, and not its own code before that.
  pattern.test(LONG_TEXT)
  const known = new Map<string, readonly number[]>()

  /** A word, and those that it begins: they stand behind it. */
  function begunBy(word: string): readonly number[] {
    const seen = known.get(word)
    if (seen !== undefined) return seen
    const first = words.indexOf(word)
    const some: number[] = []
    for (const [index, each] of words.slice(first).entries()) {
      if (!each.startsWith(word)) break
      some.push(first + index)
    }
    known.set(word, some)
    return some
  }

  return (text, onWord) => {
    const lower = lowerCase(text)
    const narrow = narrowed(lower)
    for (let from = 0; ; from += 1) {
      pattern.lastIndex = from
      const match = pattern.exec(narrow)
      if (match === null) return
      from = match.index
      for (const at of begunBy(match[0])) {
        if (lower.startsWith(words[at] as string, from)) onWord(at, from)
      }
    }
  }
}

/**
 * A text that V8 keeps in one byte a character: for others it would compile the expression anew. Of
 * a character beyond Latin-1 it has the half, which may be another: the text itself decides.
 */
function narrowed(text: string): string {
  return /[\u0100-\uffff]/.test(text) ? Buffer.from(text, "latin1").toString("latin1") : text
}

/** How common a letter is in code, roughly: a word is looked for by three in a row that are rare. */
const COMMON = "etaonirslcdpumfhgbykvwx"
/** How much rarer each of them is than the one before. */
const RARER = 0.9
/** How much less it costs to look at three characters than to look at one pair more of any. */
const LESS = 0.1

/**
 * Where in each word the three characters begin by which it is found. They are rare, and made of
 * pairs that others are found by too: the fewer pairs, the less of a text is looked at.
 */
export function anchorsOf(words: readonly string[]): number[] {
  const known = new Set<string>()
  const anchors: number[] = []
  // Long words can choose, so the short ones come first.
  const byLength = Array.from(words.keys()).toSorted(
    (one, other) => (words[one]?.length ?? 0) - (words[other]?.length ?? 0),
  )
  for (const index of byLength) {
    const word = words[index] ?? ""
    const costs = Array.from({ length: word.length - 2 }, (_, at) => costOf(word, at, known))
    const anchor = costs.indexOf(costs.reduce((least, cost) => Math.min(least, cost)))
    for (const at of [anchor, anchor + 1]) known.add(word.slice(at, at + 2))
    anchors[index] = anchor
  }
  return anchors
}

function costOf(word: string, at: number, known: ReadonlySet<string>): number {
  const [one, two, three] = Array.from(word.slice(at, at + 3), frequencyOf) as [
    number,
    number,
    number,
  ]
  const first = known.has(word.slice(at, at + 2)) ? 0 : one * two
  const second = known.has(word.slice(at + 1, at + 3)) ? 0 : two * three
  return first + second + LESS * one * two * three
}

function frequencyOf(letter: string): number {
  const rank = COMMON.indexOf(letter)
  return RARER ** (rank === -1 ? COMMON.length : rank)
}

/** So many bits of each of three characters tell which words may be here. */
const BITS = 5
const MASK = 2 ** BITS - 1
/** So many characters that are none stand before the text, and at least as many behind it. */
const MARGIN = 2
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/**
 * Finds words in one pass that costs less than reading the text. That is what lets hundreds of rules
 * be checked: nearly all of them have nothing to look at. It looks at pairs of characters: one of
 * each three in a row is a pair, and of most pairs no word that is looked for has any.
 *
 * @param words at least three ASCII characters each, in lower case
 * @param anchors of the words
 */
export function wordFinder(
  words: readonly string[],
  anchors: readonly number[] = anchorsOf(words),
): FindWords {
  const isPair = new Uint8Array(2 ** 16)
  // Words with the same three characters form a chain; 0 ends it.
  const heads = new Uint16Array(2 ** (3 * BITS))
  const next = new Uint16Array(words.length + 1)
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] as string
    const anchor = anchors[index] as number
    const one = word.charCodeAt(anchor)
    const two = word.charCodeAt(anchor + 1)
    const three = word.charCodeAt(anchor + 2)
    isPair[isLittleEndian ? (two << 8) | one : (one << 8) | two] = 1
    isPair[isLittleEndian ? (three << 8) | two : (two << 8) | three] = 1
    const key = ((one & MASK) << (2 * BITS)) | ((two & MASK) << BITS) | (three & MASK)
    next[index + 1] = heads[key] as number
    heads[key] = index + 1
  }

  function follow(chain: number, lower: string, at: number, onWord: OnWord): void {
    for (let link = chain; link !== 0; link = next[link] as number) {
      const start = at - (anchors[link - 1] as number)
      if (start >= 0 && lower.startsWith(words[link - 1] as string, start)) onWord(link - 1, start)
    }
  }

  return (text, onWord) => {
    const lower = lowerCase(text)
    // Of a character beyond Latin-1 this has the half, which may be another: `lower` decides.
    const bytes = Buffer.alloc(text.length + (text.length % 2) + 2 * MARGIN)
    bytes.write(lower, MARGIN, "latin1")
    const pairs = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
    for (let pair = 1; pair < pairs.length - 1; pair += 1) {
      if (isPair[pairs[pair] as number] === 0) continue
      const at = 2 * pair
      const middle = (((bytes[at] as number) & MASK) << BITS) | ((bytes[at + 1] as number) & MASK)
      const before = heads[(((bytes[at - 1] as number) & MASK) << (2 * BITS)) | middle] as number
      if (before !== 0) follow(before, lower, at - 1 - MARGIN, onWord)
      const behind = heads[(middle << BITS) | ((bytes[at + 2] as number) & MASK)] as number
      if (behind !== 0) follow(behind, lower, at - MARGIN, onWord)
    }
  }
}

/** In lower case, each character where it was. */
function lowerCase(text: string): string {
  const lower = text.toLowerCase()
  // Of Turkish, one character becomes two.
  return lower.length === text.length
    ? lower
    : text.replace(/[A-Z]+/g, (some) => some.toLowerCase())
}
