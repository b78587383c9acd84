import { GENERAL_SHAPE, VaultError, parseShape } from "../../core/index.js"
import { TextFinder } from "./finder.js"
import { MarkedShape } from "./mark.js"

/** What stands for a secret during one run. */
export interface Placeholder {
  readonly text: string
  /** The secret's name, `stripe/api-key`. */
  readonly secret: string
}

/** A secret that gets a placeholder. */
interface ToStandFor {
  readonly secret: string
  /** What its keys look like, as a template of the catalogue; {@link GENERAL_SHAPE} without one. */
  readonly shape?: string
}

/** How often a placeholder is made anew that has something to do with another text. */
const TRIES = 64

/**
 * The placeholders of one run: one for each secret, shaped like its key, made at random and never
 * from the value. None is within another, within a value, or has a value within it.
 */
export class Placeholders {
  readonly #texts: ReadonlyMap<string, string>
  readonly #secrets: ReadonlyMap<string, string>
  readonly #finder: TextFinder
  /** The shapes by which a placeholder of another run is told. */
  readonly #shapes: readonly MarkedShape[]
  /** What any of these is within: one long word. Most texts have none. */
  readonly #longWord: RegExp

  private constructor(made: readonly Placeholder[], shapes: readonly MarkedShape[]) {
    this.#texts = new Map(made.map(({ secret, text }) => [secret, text]))
    this.#secrets = new Map(made.map(({ secret, text }) => [text, secret]))
    this.#finder = new TextFinder(made.map(({ text }) => text))
    this.#shapes = shapes.filter(({ canBeTold }) => canBeTold)
    const shortest = this.#shapes.reduce((least, { length }) => Math.min(least, length), Infinity)
    this.#longWord = new RegExp(`[A-Za-z0-9+/_.:=-]{${shortest}}`)
  }

  /**
   * Makes one for each secret. `values` are those of the run, which a placeholder has to keep apart
   * from; they are looked at and not kept. Throws PLACEHOLDER_REFUSED where a value is so short
   * that it is in every text.
   */
  static make(secrets: readonly ToStandFor[], values: readonly Uint8Array[]): Placeholders {
    const texts = values.map((value) => Buffer.from(value).toString("latin1")).filter(Boolean)
    const general = new MarkedShape(parseShape(GENERAL_SHAPE))
    const shapes = new Map([[GENERAL_SHAPE, general]])
    const made: Placeholder[] = []
    for (const { secret, shape = GENERAL_SHAPE } of secrets) {
      const marked = shapes.get(shape) ?? new MarkedShape(parseShape(shape))
      shapes.set(shape, marked)
      const others = made.map(({ text }) => text)
      const text = apart(marked, [...texts, ...others]) ?? apart(general, [...texts, ...others])
      if (text === undefined) throw noneFor(secret)
      made.push({ secret, text })
    }
    return new Placeholders(made, [...shapes.values()])
  }

  /** The placeholder of a secret; undefined if the run has none for it. */
  of(secret: string): string | undefined {
    return this.#texts.get(secret)
  }

  /**
   * The placeholders of this run in a text, in order. Of bytes, in any encoding that keeps ASCII,
   * the text is `buffer.toString("latin1")`, so that places in it are places in the bytes.
   */
  *find(text: string): Generator<{ readonly placeholder: Placeholder; readonly index: number }> {
    for (const { found, index } of this.#finder.find(text)) {
      const secret = this.#secrets.get(found)
      if (secret !== undefined) yield { placeholder: { text: found, secret }, index }
    }
  }

  /**
   * Whether a text holds a placeholder that another run made, as far as the shapes of this run
   * leave room to tell it from a key. For one place of a request: a header's value, say.
   */
  holdsStale(text: string): boolean {
    if (!this.#longWord.test(text)) return false
    return this.#shapes.some((shape) =>
      [...shape.candidatesIn(text)].some(
        (candidate) => !this.#secrets.has(candidate) && shape.isMarked(candidate),
      ),
    )
  }
}

/** A placeholder that is within none of the texts, and none within it. */
function apart(shape: MarkedShape, texts: readonly string[]): string | undefined {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const made = shape.make()
    if (!texts.some((text) => text.includes(made) || made.includes(text))) return made
  }
  return undefined
}

function noneFor(secret: string): VaultError {
  return new VaultError(
    "PLACEHOLDER_REFUSED",
    `no placeholder for ${secret} is free of the values of this run: one of them is too short`,
    { hint: "leave the secret with a value of a few letters out of the run: --secret GROUP/NAME" },
  )
}
