import { type Redacted, Redactor } from "../../core/index.js"
import { type LiveValues, type Searched, searchedFor } from "./live-values.js"
import { WaitAlike } from "./wait-alike.js"

/** What takes the pieces of a stream, and gives them without the values. */
export interface Pieces {
  readonly push: (piece: Uint8Array) => Uint8Array
  readonly end: () => Uint8Array
}

/**
 * What takes the values of a run out of a reply, and before them what was made for its request alone:
 * to have all replies searched for that, all values would be compiled anew.
 */
export function sieveOfReply(live: LiveValues, made: readonly Redacted[] = []): Sieve {
  const own = made.length === 0 ? undefined : searchedFor(made)
  return new Sieve(() => live.all(), own && new Sieve(() => own))
}

/** Takes the values out of one message, and knows whose they were. */
export class Sieve {
  readonly #searched: () => Searched
  readonly #first: Sieve | undefined
  readonly #found = new Set<string>()

  /**
   * `searched` is asked at each piece: what is learned meanwhile is taken out of what follows. What
   * `first` finds is taken out before.
   */
  constructor(searched: () => Searched, first?: Sieve) {
    this.#searched = searched
    this.#first = first
  }

  /** The names of the secrets whose values were found. */
  get found(): ReadonlySet<string> {
    return this.#first === undefined ? this.#found : new Set([...this.#found, ...this.#first.found])
  }

  /** A text without the values. */
  text(text: string): string {
    return this.#clean(this.#first?.text(text) ?? text, "utf8")
  }

  /** Texts of a head, one character for each byte, each without the values. */
  head(texts: readonly string[]): readonly string[] {
    const given = this.#first?.head(texts) ?? texts
    const all = Buffer.from(given.join("\n"), "latin1")
    // All at once, which is much faster: what is in none of them is rarely in all of them joined.
    if (!this.#holds(all)) return given
    return given.map((text) => this.#clean(text, "latin1"))
  }

  /**
   * A stream without the values. How it is cut makes no difference; the end of a piece waits for the
   * next as long as it may be the beginning of a value, at most 64 KiB, and so long if it was one for
   * 16 bytes. `onPiece` is called before each piece leaves; if it throws, the piece does not.
   */
  async *stream(
    source: AsyncIterable<Uint8Array>,
    onPiece?: () => void,
  ): AsyncGenerator<Uint8Array, void, void> {
    const pieces = this.pieces(onPiece)
    for await (const chunk of source) {
      const piece = pieces.push(chunk)
      if (piece.length > 0) yield piece
    }
    const rest = pieces.end()
    if (rest.length > 0) yield rest
  }

  /** The same for a stream that is pushed. */
  pieces(onPiece: () => void = () => {}): Pieces {
    let searched = this.#searched()
    let redactor = new Redactor(searched.inBytes)
    const wait = new WaitAlike()
    const leave = (piece: Uint8Array): Uint8Array => {
      this.#note(redactor, searched)
      onPiece()
      return piece
    }
    const redact = (piece: Uint8Array): Uint8Array => {
      if (this.#searched() === searched || redactor.isSwallowing) return leave(redactor.push(piece))
      wait.hand(redactor.undecided)
      // What waits may be the beginning of a value: the next one looks at it again.
      const chunk = Buffer.concat([redactor.end(), piece])
      this.#note(redactor, searched)
      searched = this.#searched()
      redactor = new Redactor(searched.inBytes)
      return leave(redactor.push(chunk))
    }
    const push = (piece: Uint8Array): Uint8Array =>
      wait.pass(redact(piece), piece.length, redactor.undecided)
    const own = { push, end: () => wait.end(leave(redactor.end())) }
    return this.#first === undefined ? own : oneAfterOther(this.#first.pieces(), own)
  }

  #holds(bytes: Uint8Array): boolean {
    const redactor = new Redactor(this.#searched().inText)
    redactor.push(bytes)
    redactor.end()
    return redactor.found.size > 0
  }

  #clean(text: string, encoding: "utf8" | "latin1"): string {
    const searched = this.#searched()
    const redactor = new Redactor(searched.inText)
    const cleaned = [redactor.push(Buffer.from(text, encoding)), redactor.end()]
    if (redactor.found.size === 0) return text
    this.#note(redactor, searched)
    return Buffer.concat(cleaned).toString(encoding)
  }

  #note({ found }: Redactor, { names }: Searched): void {
    for (const secret of found) this.#found.add(names[secret] ?? "")
  }
}

function oneAfterOther(one: Pieces, other: Pieces): Pieces {
  return {
    push: (piece) => other.push(one.push(piece)),
    end: () => Buffer.concat([other.push(one.end()), other.end()]),
  }
}
