import { createHash, randomInt } from "node:crypto"
import { type Shape, bitsOf } from "../../core/index.js"

/** No placeholder is easier to guess than that many bits. */
const LEAST_RANDOM = 105
/** How many bits of a placeholder follow from the others: as many as fit, up to the most. */
const LEAST_MARK = 20
const MOST_MARK = 40

/**
 * Placeholders carry a mark: their last symbols follow, by SHA-256, from all that stands before.
 * So one that another run made is told from a key, which ends like that by chance once in
 * 2^20 times or less. Of the bits that a shape has, 105 stay random; where fewer than 20 are left
 * for a mark, a placeholder has none, and one of another run cannot be told from a key.
 */
export class MarkedShape {
  readonly #parts: Shape["parts"]
  /** The alphabets of the symbols that follow from the others, from left to right. */
  readonly #marking: readonly string[]
  /** How many symbols there are. */
  readonly #symbols: number
  readonly length: number
  readonly #pattern: RegExp

  constructor(shape: Shape) {
    this.#parts = shape.parts
    const alphabets = shape.parts.flatMap((part) =>
      typeof part === "string" ? [] : Array.from({ length: part.count }, () => part.alphabet),
    )
    this.#symbols = alphabets.length
    this.length = shape.parts.reduce(
      (sum, part) => sum + (typeof part === "string" ? part.length : part.count),
      0,
    )
    this.#pattern = new RegExp(sourceOf(shape), "g")
    this.#marking = lastThatFit(alphabets, bitsOf(shape) - LEAST_RANDOM)
  }

  /** Whether a placeholder of this shape that another run made can be told from a key. */
  get canBeTold(): boolean {
    return this.#marking.length > 0
  }

  /** How many bits of a placeholder follow from the others. */
  get markBits(): number {
    return heldBy(this.#marking)
  }

  /** A placeholder, new and at random. */
  make(): string {
    const random = this.#symbols - this.#marking.length
    let made = 0
    const text = this.#parts
      .map((part) => {
        if (typeof part === "string") return part
        return Array.from({ length: part.count }, () => {
          made += 1
          return made > random ? BLANK : part.alphabet[randomInt(part.alphabet.length)]
        }).join("")
      })
      .join("")
    return this.#withMark(text)
  }

  /** Whether a text of this shape ends as its beginning wants it. */
  isMarked(text: string): boolean {
    if (!this.canBeTold) return false
    const blank = this.#blanked(text)
    return this.#withMark(blank) === text
  }

  /** What of a text has this shape; delimited where it could go on. */
  *candidatesIn(text: string): Generator<string> {
    const [first = ""] = this.#parts
    if (text.length < this.length || (typeof first === "string" && !text.includes(first))) return
    for (const [candidate] of text.matchAll(this.#pattern)) yield candidate
  }

  /** Puts the mark into the blanks that wait for it. */
  #withMark(text: string): string {
    const digest = createHash("sha256").update(`agent-vault placeholder\n${text}`).digest()
    let at = 0
    return text.replaceAll(BLANK, () => {
      const alphabet = this.#marking[at] ?? ""
      const symbol = alphabet[digest.readUInt16LE(2 * at) % alphabet.length] ?? ""
      at += 1
      return symbol
    })
  }

  /** The text with blanks where its mark is. */
  #blanked(text: string): string {
    let left = this.#marking.length
    let end = text.length
    let blanked = ""
    for (const part of this.#parts.toReversed()) {
      if (left === 0) break
      const length = typeof part === "string" ? part.length : part.count
      const blanks = typeof part === "string" ? 0 : Math.min(left, length)
      blanked = text.slice(end - length, end - blanks) + BLANK.repeat(blanks) + blanked
      left -= blanks
      end -= length
    }
    return text.slice(0, end) + blanked
  }
}

/** Stands where a symbol of the mark will; no shape has it. */
const BLANK = " "

/** The last alphabets that hold together at most `bits`, and 40; none if they hold less than 20. */
function lastThatFit(alphabets: readonly string[], bits: number): string[] {
  let sum = 0
  const count = alphabets.toReversed().findIndex((alphabet) => {
    sum += Math.log2(alphabet.length)
    return sum > Math.min(bits, MOST_MARK)
  })
  const fitting = alphabets.slice(alphabets.length - Math.max(count, 0))
  return heldBy(fitting) < LEAST_MARK ? [] : fitting
}

/** How many bits symbols of these alphabets hold. */
function heldBy(alphabets: readonly string[]): number {
  return alphabets.reduce((sum, { length }) => sum + Math.log2(length), 0)
}

function sourceOf({ parts }: Shape): string {
  const [first] = parts
  const last = parts.at(-1)
  return [
    first === undefined || typeof first === "string" ? "" : `(?<!${classOf(first.alphabet)})`,
    ...parts.map((part) =>
      typeof part === "string" ? literal(part) : `${classOf(part.alphabet)}{${part.count}}`,
    ),
    last === undefined || typeof last === "string" ? "" : `(?!${classOf(last.alphabet)})`,
  ].join("")
}

function classOf(alphabet: string): string {
  return `[${alphabet.replaceAll("-", "\\-")}]`
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, "\\$&")
}
