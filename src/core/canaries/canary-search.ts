import { compilePatterns } from "../redactor/patterns.js"
import { Redactor } from "../redactor/redactor.js"
import type { Canary, CanaryNote } from "../records/canary.js"

/** A canary in a text. */
export interface CanarySighting {
  readonly canary: Canary
  /** The line in which it begins, from 1. */
  readonly line: number
}

const LINE_FEED = 10

/**
 * Looks for canaries in one stream of bytes, in every form in which the redactor looks for a value:
 * as it is, in base64, hex, JSON, URLs and the like, across line ends.
 */
export class CanarySearch {
  readonly #canaries: readonly Canary[]
  readonly #redactor: Redactor
  /** What of the stream is not settled, from `#start` on, which is in the line `#line`. */
  #held: Buffer = Buffer.alloc(0)
  #start = 0
  #line = 1

  /** Made by `Canaries.search()`. */
  constructor(notes: readonly CanaryNote[]) {
    this.#canaries = notes.map(({ value: _value, ...canary }) => canary)
    this.#redactor = new Redactor(
      compilePatterns(
        notes.map(({ secret, value }) => ({ name: secret, value: Buffer.from(value) })),
      ),
    )
  }

  /** Takes the next bytes, and returns what is known to be in them; none for the end. */
  next(chunk?: Uint8Array): CanarySighting[] {
    const bytes = chunk ?? new Uint8Array()
    this.#held = Buffer.concat([this.#held, bytes])
    const { cuts, settled } = this.#redactor.cut(bytes, chunk === undefined)
    const found = cuts.flatMap(({ start, secret }) => {
      const canary = this.#canaries[secret]
      return canary === undefined ? [] : [{ canary, line: this.#lineOf(start) }]
    })
    this.#line = this.#lineOf(settled)
    this.#held = this.#held.subarray(settled - this.#start)
    this.#start = settled
    return found
  }

  #lineOf(place: number): number {
    let line = this.#line
    const end = place - this.#start
    for (let at = this.#held.indexOf(LINE_FEED); at !== -1 && at < end;) {
      line += 1
      at = this.#held.indexOf(LINE_FEED, at + 1)
    }
    return line
  }
}
