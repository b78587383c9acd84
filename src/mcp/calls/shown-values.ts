import {
  type Patterns,
  type Redacted,
  compilePatterns,
  harmless,
  redactText,
} from "../../core/index.js"

/** Characters of a text from elsewhere that are passed on. */
const LONGEST = 2000

/**
 * The values that were shown in this session. They may be echoed, by a client in its reason or by a
 * person in a description: whatever text the server sends, but the value that was asked for, goes
 * through here.
 */
export class ShownValues {
  readonly #values: Redacted[] = []
  #patterns: Patterns | undefined

  /** Remembers a value; copies it. */
  add(name: string, value: Uint8Array): void {
    const isKnown = (each: Redacted): boolean =>
      each.name === name && Buffer.from(each.value).equals(value)
    if (this.#values.some(isKnown)) return
    this.#values.push({ name, value: Uint8Array.from(value) })
    this.#patterns = undefined
  }

  /** A text without these values, and harmless: what could do more than be read is escaped. */
  clean(text: string): string {
    this.#patterns ??= compilePatterns(this.#values)
    // Cut off last: half of a value would not be found.
    return harmless(redactText(this.#patterns, text).slice(0, LONGEST).toWellFormed())
  }
}
