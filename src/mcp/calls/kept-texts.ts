import { wrong } from "./arguments.js"

/** Characters of one page: what fits into a conversation. */
const PAGE_CHARACTERS = 16_384
/** Characters that a session keeps, to be paged through: the oldest texts go. */
const KEPT_CHARACTERS = 8 * 2 ** 20

/** A part of a text, and where the next one begins. */
export interface TextPage {
  readonly text: string
  /** The cursor of the next page; absent on the last one. */
  readonly page?: string
}

/** Texts that are too long for one answer, for as long as a client may ask for their next page. */
export class KeptTexts {
  readonly #texts = new Map<string, string>()
  #count = 0

  /** The first page of a text, which is kept if there are more. */
  first(text: string): TextPage {
    if (text.length <= PAGE_CHARACTERS) return { text }
    this.#count += 1
    const id = String(this.#count)
    this.#texts.set(id, text)
    this.#makeRoom(id)
    return pageOf(id, text, 0)
  }

  /** The page of a cursor. Throws `USAGE` for one that is not known, or not any more. */
  at(cursor: string): TextPage {
    const [, id = "", offset = ""] = /^(\d+)-(\d+)$/.exec(cursor) ?? []
    const text = this.#texts.get(id)
    const begin = Number(offset)
    if (text !== undefined && begin < text.length) return pageOf(id, text, begin)
    throw wrong("there is no such page, or not any more", "make the call anew, without page")
  }

  #makeRoom(latest: string): void {
    let length = [...this.#texts.values()].reduce((sum, text) => sum + text.length, 0)
    for (const [id, text] of this.#texts) {
      if (length <= KEPT_CHARACTERS || id === latest) return
      this.#texts.delete(id)
      length -= text.length
    }
  }
}

/** Ends between two characters, and not amid one of two units. */
function pageOf(id: string, text: string, begin: number): TextPage {
  const isSplit = /[\uD800-\uDBFF]/.test(text[begin + PAGE_CHARACTERS - 1] ?? "")
  const end = begin + PAGE_CHARACTERS - (isSplit ? 1 : 0)
  if (end >= text.length) return { text: text.slice(begin) }
  return { text: text.slice(begin, end), page: `${id}-${end}` }
}
