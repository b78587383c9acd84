import { type Patterns, type Redacted, compilePatterns, isVague } from "../../core/index.js"

/** What messages are searched for. */
export interface Searched {
  /** For text, and for headers: every marker is text in ASCII. */
  readonly inText: Patterns
  /** For bodies: what is found in UTF-16 gets its marker in UTF-16. */
  readonly inBytes: Patterns
  /** The name of each secret, by its place in the patterns. */
  readonly names: readonly string[]
}

const MOST_PUT = 16

/** A value as it is, or in UTF-16, and what stands for it there. */
interface Written extends Redacted {
  readonly marker: Buffer
}

/**
 * The values that the broker must not let through, during one run: what it read, what it put into
 * requests, and what they were before a rotate. They are kept in memory until they are forgotten.
 */
export class LiveValues {
  #values: Redacted[] = []
  #put: Redacted[] = []
  readonly #compiled = new Map<string, Searched>()

  /** Remembers a value; copies it. Of two secrets with the same value, the first gives its name. */
  learn(name: string, value: Uint8Array): void {
    if (holds(this.#values, name, value)) return
    this.#values.push({ name, value: Uint8Array.from(value) })
    this.#compiled.clear()
  }

  /**
   * Remembers the text by which a value was put into a request, such as Basic's. The program has a
   * part in it, and may send as many as it likes: the last 16 are kept.
   */
  learnPut(name: string, text: Uint8Array): void {
    if (holds(this.#put, name, text)) return
    this.#put = [...this.#put, { name, value: Uint8Array.from(text) }].slice(-MOST_PUT)
    this.#compiled.clear()
  }

  /** All of them: what a reply is searched for. The same object until something is learned. */
  all(): Searched {
    return this.#compile("all", () => [...this.#values, ...this.#put])
  }

  /**
   * What a request is searched for: all but those of the secrets in `passing`, and but those that
   * texts hold by chance (`isVague`). What was put into requests holds them, and is found by that.
   */
  besides(passing: ReadonlySet<string>): Searched {
    return this.#compile(`but ${[...passing].toSorted().join(" ")}`, () => {
      const meant = this.#values.filter(({ name }) => passing.has(name))
      return this.#values.filter(
        ({ value }) => !isVague(value) && !meant.some((each) => isSame(each.value, value)),
      )
    })
  }

  /** Bytes of the longest value. */
  get longest(): number {
    return [...this.#values, ...this.#put].reduce(
      (most, { value }) => Math.max(most, value.length),
      0,
    )
  }

  /** Overwrites all values. */
  forget(): void {
    for (const { value } of [...this.#values, ...this.#put]) value.fill(0)
    this.#values = []
    this.#put = []
    this.#compiled.clear()
  }

  #compile(which: string, select: () => readonly Redacted[]): Searched {
    const searched = this.#compiled.get(which) ?? searchedFor(select())
    this.#compiled.set(which, searched)
    return searched
  }
}

/** What finds just these values. */
export function searchedFor(values: readonly Redacted[]): Searched {
  const written = values.flatMap(writings)
  const inText = compilePatterns(written)
  return {
    inText,
    inBytes: { ...inText, markers: written.map(({ marker }) => marker) },
    names: written.map(({ name }) => name),
  }
}

/** As it is, and, of a text, in UTF-16: also as JSON has it there, where that is another text. */
function writings({ name, value }: Redacted): Written[] {
  const text = Buffer.from(value).toString().trim()
  const asItIs = { name, value, marker: Buffer.from(`[REDACTED ${name}]`) }
  if (!Buffer.from(value).includes(text)) return [asItIs]
  const texts = new Set([text, JSON.stringify(text).slice(1, -1)])
  return [asItIs, ...[...texts].flatMap((each) => inUtf16(name, each))]
}

/**
 * A text in UTF-16 (RFC 2781). Up to U+00FF every other byte is zero, so one without the outermost
 * zero is found in both orders of bytes, and its marker, without that too, fits both.
 */
function inUtf16(name: string, text: string): Written[] {
  const marker = `[REDACTED ${name}]`
  const little = Buffer.from(text, "utf16le")
  const markerInLittle = Buffer.from(marker, "utf16le")
  if (/^[\0-\xFF]*$/.test(text)) {
    const inner = { value: little.subarray(0, -1), marker: markerInLittle.subarray(0, -1) }
    return [{ name, ...inner }]
  }
  const swapped = {
    value: Buffer.from(little).swap16(),
    marker: Buffer.from(markerInLittle).swap16(),
  }
  return [
    { name, value: little, marker: markerInLittle },
    { name, ...swapped },
  ]
}

function holds(values: readonly Redacted[], name: string, value: Uint8Array): boolean {
  return values.some((each) => each.name === name && isSame(each.value, value))
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
