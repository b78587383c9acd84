/** Bytes that may stand between two digits of base64 where a line ends, indentation included. */
export const LONGEST_LINE_END = 64

const TAB = 9
const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const SPACE = 32
const BACKSLASH = 92
const LETTER_N = 110
const LETTER_R = 114

/**
 * The end of a line within digits, as it is or escaped, and what indents the next. None of its bytes
 * is a digit of base64 or hex, but for the letter of an escaped one.
 */
export class LineEnd {
  /** How many bytes of it there were. */
  length = 0
  /** Whether the last one was a backslash. */
  #escape = false

  reset(): void {
    this.length = 0
    this.#escape = false
  }

  copy(other: LineEnd): void {
    this.length = other.length
    this.#escape = other.#escape
  }

  /** Takes a byte that belongs to it; `none` if this is a digit, `broken` if no digit may follow. */
  take(byte: number): "part" | "none" | "broken" {
    if (this.#escape && byte !== BACKSLASH) {
      this.#escape = false
      if (byte !== LETTER_N && byte !== LETTER_R) return "broken"
    } else if (byte === BACKSLASH) {
      this.#escape = true
    } else if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) {
      if (this.length === 0 || (byte !== SPACE && byte !== TAB)) return "none"
    }
    this.length += 1
    return this.length <= LONGEST_LINE_END ? "part" : "broken"
  }
}

/** Whether a byte that belongs to a line's end could be a digit as well. */
export function isLetter(byte: number): boolean {
  return byte === LETTER_N || byte === LETTER_R
}
