/** How many characters a look takes in. */
const BLOCK = 3
/** Windows are no longer, so that a distance fits into a byte. */
const LONGEST_WINDOW = 250
const TABLE_BITS = 16

/**
 * Finds fixed texts, of at least three characters, in another, all at once, after Wu and Manber
 * (1994): the last characters of all texts are a window; a look at the end of it tells how far it
 * can move before any of the texts may end there. Most of a text is never looked at.
 */
export class TextFinder {
  /** How long the window is: as long as the shortest text. */
  readonly #window: number
  /** By a block: how far it is, at least, to the end of a window that has it. */
  readonly #distance = new Uint8Array(1 << TABLE_BITS)
  /** By a block at the end of a window: the texts. */
  readonly #ending = new Map<number, string[]>()

  constructor(texts: readonly string[]) {
    const shortest = texts.reduce((least, { length }) => Math.min(least, length), LONGEST_WINDOW)
    this.#window = shortest
    this.#distance.fill(shortest - BLOCK + 1)
    for (const text of texts) {
      const start = text.length - shortest
      for (let end = start + BLOCK - 1; end < text.length; end += 1) {
        const block = blockAt(text, end)
        const distance = text.length - 1 - end
        this.#distance[block] = Math.min(this.#distance[block] ?? 0, distance)
        if (distance > 0) continue
        this.#ending.set(block, [...(this.#ending.get(block) ?? []), text])
      }
    }
  }

  /** Where the texts are, in the order of their ends. */
  *find(text: string): Generator<{ readonly found: string; readonly index: number }> {
    if (this.#ending.size === 0) return
    for (let end = this.#window - 1; end < text.length;) {
      const block = blockAt(text, end)
      const distance = this.#distance[block] ?? 0
      if (distance > 0) {
        end += distance
        continue
      }
      for (const found of this.#ending.get(block) ?? []) {
        const index = end + 1 - found.length
        if (index >= 0 && text.startsWith(found, index)) yield { found, index }
      }
      end += 1
    }
  }
}

/** The block that ends at a place, as an index of the table. */
function blockAt(text: string, end: number): number {
  const mixed =
    text.charCodeAt(end - 2) * 0x9e3b + text.charCodeAt(end - 1) * 0x1f7 + text.charCodeAt(end)
  return (mixed ^ (mixed >>> 7)) & ((1 << TABLE_BITS) - 1)
}
