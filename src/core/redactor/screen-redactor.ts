import { ControlCodes, shownOf } from "./control-codes.js"
import { formsAsStored } from "./forms.js"
import { Held } from "./held.js"
import { type Patterns, type Redacted, compilePatterns, patternsOf } from "./patterns.js"
import type { Cut } from "./redacted-piece.js"
import { Redactor } from "./redactor.js"

/** More than this does not wait, whatever it is: it would only be codes around a few characters. */
const MOST_HELD = 256 * 1024
const NOTHING = new Uint8Array(0)

/** What a terminal's stream is searched for: as it comes, and in the text alone. */
export interface ScreenPatterns {
  readonly plain: Patterns
  readonly text: Patterns
}

/** Prepares the search in what goes to a terminal. `plain` was compiled of the same secrets. */
export function screenPatterns(plain: Patterns, secrets: readonly Redacted[]): ScreenPatterns {
  const others = secrets.flatMap(({ name, value }) => {
    const shown = shownOf(value)
    return shown === value ? [] : [{ name, value: shown }]
  })
  if (others.length === 0) return { plain, text: plain }
  // The ends of its lines are codes as well, and stay.
  const asStored = patternsOf(secrets, formsAsStored)
  return { plain: asStored, text: compilePatterns([...secrets, ...others]) }
}

/**
 * Keeps secrets out of what goes to a terminal. It is searched twice: as it comes, and without
 * control characters and escape sequences, for a line editor colours each letter, and a screen
 * breaks a value into lines. The codes within a secret stay, behind its marker.
 */
export class ScreenRedactor {
  readonly #markers: readonly Buffer[]
  readonly #plain: Redactor
  readonly #text: Redactor
  /** Where what came stands, and where what was handed out does. */
  readonly #coming = new ControlCodes()
  readonly #going = new ControlCodes()
  readonly #held = new Held()
  /** How many characters of text came, and how many were handed out or taken out. */
  #came = 0
  #went = 0
  readonly #cuts: Cut[] = []
  #waitsSince: readonly [number | undefined, number | undefined] = [undefined, undefined]

  constructor({ plain, text }: ScreenPatterns) {
    this.#markers = text.markers
    this.#plain = new Redactor(plain)
    this.#text = new Redactor(text)
  }

  /** The time since when something waits, as it was told with what came; undefined if nothing does. */
  get waitsSince(): number | undefined {
    const [plain, text] = this.#waitsSince
    return plain === undefined || text === undefined ? (plain ?? text) : Math.min(plain, text)
  }

  /** The names of the secrets that were found so far. */
  get foundNames(): readonly string[] {
    return [...this.#plain.foundNames, ...this.#text.foundNames]
  }

  /** Takes the next bytes, that came at a time, and returns all that can be said now. */
  push(chunk: Uint8Array, now: number): Uint8Array {
    const bytes = this.#plain.push(chunk)
    const shown = this.#show(bytes, false)
    const [plain, text] = this.#waitsSince
    this.#waitsSince = [
      since(this.#plain.held, chunk.length, plain, now),
      since(this.#held.length, bytes.length, text, now),
    ]
    return this.#held.length > MOST_HELD ? Buffer.concat([shown, this.release()]) : shown
  }

  /** Hands out what waits. Of a secret that turns out to begin there, the rest is taken out. */
  release(): Uint8Array {
    const first = this.#show(this.#plain.release(), false)
    this.#text.release()
    this.#waitsSince = [undefined, undefined]
    return Buffer.concat([first, this.#handOut(this.#came)])
  }

  /** Returns what waits: no more will come. */
  end(): Uint8Array {
    return this.#show(this.#plain.end(), true)
  }

  #show(bytes: Uint8Array, isLast: boolean): Uint8Array {
    const text = this.#coming.textOf(bytes)
    this.#came += text.length
    const { cuts, settled } = this.#text.cut(text, isLast)
    for (const cut of cuts) this.#cuts.push(cut)
    if (this.#held.length > 0 || this.#cuts.length > 0 || settled < this.#came) {
      this.#held.append(bytes)
      return this.#handOut(settled)
    }
    this.#going.copy(this.#coming)
    this.#went = this.#came
    return bytes
  }

  /** All up to a place in the text, and the codes behind it: what is not cut, and markers. */
  #handOut(settled: number): Uint8Array {
    const data = this.#held.append(NOTHING)
    const pieces: Uint8Array[] = []
    let [at, from] = [0, 0]
    for (; at < data.length; at += 1) {
      const byte = data[at] ?? 0
      if (this.#went >= settled && this.#going.wouldBeText(byte)) break
      if (!this.#going.isText(byte)) continue
      const cut = this.#cutHere()
      const isFirst = cut?.start === this.#went
      this.#went += 1
      if (cut === undefined) continue
      if (from < at) pieces.push(data.subarray(from, at))
      if (isFirst) pieces.push(this.#markers[cut.secret] ?? NOTHING)
      from = at + 1
    }
    if (from < at) pieces.push(data.subarray(from, at))
    const handedOut = Buffer.concat(pieces)
    this.#held.drop(at)
    this.#forgetCuts()
    return handedOut
  }

  /** What is cut at the next character. */
  #cutHere(): Cut | undefined {
    this.#forgetCuts()
    const [cut] = this.#cuts
    return cut !== undefined && cut.start <= this.#went ? cut : undefined
  }

  #forgetCuts(): void {
    while ((this.#cuts[0]?.end ?? Infinity) <= this.#went) this.#cuts.shift()
  }
}

/** Since when bytes wait of which `held` are the last; `before` if not all came now. */
function since(
  held: number,
  came: number,
  before: number | undefined,
  now: number,
): number | undefined {
  if (held === 0) return undefined
  return held <= came ? now : (before ?? now)
}
