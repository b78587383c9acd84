import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type Patterns, type Redacted, Redactor, compilePatterns } from "../../../src/core/index.js"
import { type Form, formsOf } from "../../../src/core/redactor/forms.js"

const KIB = 1024

describe("whatever the secrets, the text and the chunks", () => {
  test("the result is that of a naive search of the whole", () => {
    fc.assert(
      fc.property(scenes(), ({ secrets, text, cuts }) => {
        const patterns = compilePatterns(secrets)
        const expected = naive(secrets, text)
        for (const patience of [undefined, -1]) {
          const whole = redact(patterns, [text], patience)
          expect(whole.toString("latin1")).toBe(expected)
          expect(redact(patterns, chunked(text, cuts), patience).toString("latin1")).toBe(expected)
        }
      }),
      { numRuns: 1500 },
    )
  })

  test("no form of a secret is left", () => {
    fc.assert(
      fc.property(scenes(), ({ secrets, text, cuts }) => {
        const redacted = redact(compilePatterns(secrets), chunked(text, cuts)).toString("latin1")
        const pieces = redacted.split(/\[REDACTED \w+\]/)
        for (const { bytes } of secrets.flatMap(({ value }) => formsOf(value))) {
          expect(pieces.some((piece) => piece.includes(bytes.toString("latin1")))).toBe(false)
        }
      }),
      { numRuns: 500 },
    )
  })

  test("nothing changes where no secret is", () => {
    const secrets = [secret("a", "fake_live_9aB3xK7mQ2wE5rT8"), secret("b", "h7+/x=")]
    const patterns = compilePatterns(secrets)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), cuttings(), (bytes, cuts) => {
        const text = Buffer.from(bytes)
        expect(redact(patterns, chunked(text, cuts)).equals(text)).toBe(true)
      }),
    )
  })
})

describe("what is held back", () => {
  const value = "fake_live_9aB3xK7mQ2wE5rT8"
  const patterns = compilePatterns([secret("a", value)])

  test.each([
    ["a log line", "2026-11-22 INFO started\n"],
    ["a prompt", "Password: "],
    ["a word that base64 of the secret begins with, less than a line", "ZmFrZ\n"],
    ["UTF-8 that is cut in the middle", Buffer.from("ключ").subarray(0, 3)],
    ["colours that are cut in the middle", "\u001B[3"],
    ["bytes of all kinds", Buffer.from(Array.from({ length: 256 }, (_, i) => 255 - i))],
    ["the whole secret", `${value}\n`],
    ["the whole secret in base64 and the end of its line", `${base64(value)}\n`],
    ["base64 of a secret and a line end", `${base64(`${value}\n`)}\n`],
    ["the secret in hex", `${Buffer.from(value).toString("hex")}\n`],
  ])("nothing of %s", (_, text) => {
    const redactor = new Redactor(patterns)
    expect(redactor.push(Buffer.from(text)).length).toBeGreaterThan(0)
    expect(redactor.end()).toHaveLength(0)
  })

  test("only what may be the beginning of a secret, and only while it may", () => {
    const redactor = new Redactor(patterns)
    expect(push(redactor, "token: fake_li")).toBe("token: ")
    expect(push(redactor, "ve_9")).toBe("")
    expect(push(redactor, "aB4")).toBe("fake_live_9aB4")
    expect(push(redactor, "f")).toBe("")
    expect(push(redactor, "ake_live_9aB3xK7mQ2wE5rT")).toBe("")
    expect(push(redactor, "8")).toBe("[REDACTED a]")
    expect(push(redactor, "fa")).toBe("")
    expect(Buffer.from(redactor.end()).toString()).toBe("fa")
  })

  test("a chunk without secrets is passed on, not copied", () => {
    const redactor = new Redactor(patterns)
    const chunk = Buffer.from("nothing to hide, nothing to hold\n")
    expect(redactor.push(chunk)).toBe(chunk)
    const ending = Buffer.from("all but the end: fake")
    const passed = redactor.push(ending)
    expect(passed.buffer).toBe(ending.buffer)
    expect(Buffer.from(passed).toString()).toBe("all but the end: ")
  })

  test("what was held is a copy: the chunk may be used again", () => {
    const redactor = new Redactor(patterns)
    const chunk = Buffer.from("fake_live_")
    redactor.push(chunk)
    chunk.fill("x")
    expect(push(redactor, "?")).toBe("fake_live_?")
  })

  test("what was returned stays as it is when more comes", () => {
    const redactor = new Redactor(patterns)
    push(redactor, "fake_li")
    const first = redactor.push(Buffer.from("on, and a good deal of other text after it, fake"))
    const before = Buffer.from(first).toString()
    for (let i = 0; i < 50; i += 1) push(redactor, "_live_! something else fake")
    expect(Buffer.from(first).toString()).toBe(before)
  })
})

describe("long values", () => {
  test("at most 64 KiB are held back; a longer value vanishes all the same", () => {
    const value = noise(200 * KIB)
    const patterns = compilePatterns([secret("a", value)])
    for (const size of [1000, 64 * KIB, 300 * KIB]) {
      expect(redactInChunks(patterns, `<${value}>`, size)).toBe("<[REDACTED a]>")
    }
    const redactor = new Redactor(patterns)
    expect(push(redactor, value.slice(0, 64 * KIB - 1))).toBe("")
    expect(push(redactor, value.slice(64 * KIB - 1, 64 * KIB))).toBe("[REDACTED a]")
    expect(push(redactor, value.slice(64 * KIB, 100 * KIB))).toBe("")
    expect(push(redactor, "and now something else")).toBe("and now something else")
    expect(redactor.end()).toHaveLength(0)
  })

  test("in base64, in lines and in one, and in hex", () => {
    const value = noise(100 * KIB)
    const patterns = compilePatterns([secret("a", value)])
    const digits = base64(value)
    const lines = (digits.match(/.{1,76}/g) ?? []).join("\r\n")
    const hex = Buffer.from(value).toString("hex")
    for (const form of [digits, lines, hex]) {
      for (const size of [777, 400 * KIB]) {
        expect(redactInChunks(patterns, `<${form}>`, size)).toMatch(/^<\[REDACTED a\].{0,4}>$/)
      }
    }
  })

  test("lines are indented by at most 63", () => {
    const value = "fake_live_9aB3xK7mQ2wE5rT8"
    const patterns = compilePatterns([secret("a", value)])
    const digits = base64(value)
    const broken = (by: number) => `${digits.slice(0, 16)}\n${" ".repeat(by)}${digits.slice(16)}`
    expect(redactInChunks(patterns, broken(63), 7)).toBe("[REDACTED a]")
    expect(redactInChunks(patterns, broken(64), 7)).toBe(broken(64))
  })

  test("the beginning of a long value, 64 KiB short of one byte, passes when it ends there", () => {
    const value = noise(70 * KIB)
    const patterns = compilePatterns([secret("a", value)])
    const beginning = value.slice(0, 64 * KIB - 1)
    expect(redactInChunks(patterns, beginning, 1000)).toBe(beginning)
    expect(redactInChunks(patterns, `${beginning}${value[64 * KIB - 1]}`, 1000)).toBe(
      "[REDACTED a]",
    )
  })

  test("byte by byte, each costs the same, and memory does not grow", () => {
    const value = noise(60 * KIB)
    const patterns = compilePatterns([secret("a", value)])
    const text = Buffer.from(`${value.slice(0, -1)}!`.repeat(20))
    const redactor = new Redactor(patterns)
    let length = 0
    let longest = 0
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < text.length; i += 1) {
      const piece = redactor.push(text.subarray(i, i + 1))
      length += piece.length
      longest = Math.max(longest, piece.length)
    }
    length += redactor.end().length
    expect(length).toBe(text.length)
    expect(longest).toBeLessThanOrEqual(64 * KIB)
    // What compares or copies anew for each of the 1.2 million pushes meets the test's limit.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * KIB * KIB)
  })

  test("one byte that is held does not make a chunk of 64 KiB dearer for long", () => {
    const patterns = compilePatterns([secret("a", "fake_live_9aB3xK7mQ2wE5rT8")])
    const chunk = Buffer.alloc(64 * KIB, "nothing to hide here; ")
    chunk.write("f", chunk.length - 1)
    const output = redact(
      patterns,
      Array.from({ length: 100 }, () => chunk),
    )
    expect(output.equals(Buffer.concat(Array.from({ length: 100 }, () => chunk)))).toBe(true)
  })
})

describe("several secrets", () => {
  test("the same value under two names has the first one's", () => {
    const patterns = compilePatterns([secret("a", "the same value"), secret("b", "the same value")])
    expect(redactInChunks(patterns, "the same value", 3)).toBe("[REDACTED a]")
  })

  test("a value that is the base64 of another has the first one's name", () => {
    const [inner, outer] = ["fake-key-number-1", base64("fake-key-number-1")]
    for (const secrets of [
      [secret("a", inner), secret("b", outer)],
      [secret("a", outer), secret("b", inner)],
    ]) {
      expect(redactInChunks(compilePatterns(secrets), `<${outer}>`, 5)).toBe("<[REDACTED a]>")
    }
  })

  test("base64 that could end with its line, but is of a longer secret", () => {
    const short = noise(57)
    const secrets = [secret("short", short), secret("long", `${short}end`)]
    const lines = `${base64(short)}\n${base64("end")}\n`
    expect(redactInChunks(compilePatterns(secrets), lines, 9)).toBe("[REDACTED long]\n")
  })

  test("a secret that begins another: the longer one counts if it is there", () => {
    const secrets = [secret("short", "fake-key"), secret("long", "fake-key-of-another")]
    const patterns = compilePatterns(secrets)
    for (const size of [1, 5, 100]) {
      expect(redactInChunks(patterns, "fake-key-of-another fake-key-of-an", size)).toBe(
        "[REDACTED long] [REDACTED short]-of-an",
      )
    }
  })

  test("a secret in another is part of it", () => {
    const secrets = [
      secret("inner", "hunter-2-hunter"),
      secret("outer", "db://u:hunter-2-hunter@h/"),
    ]
    expect(redactInChunks(compilePatterns(secrets), "db://u:hunter-2-hunter@h/", 4)).toBe(
      "[REDACTED outer]",
    )
  })

  test("of secrets that overlap, nothing is left", () => {
    const secrets = [secret("a", "abcdefgh"), secret("b", "efghijklmnop")]
    for (const size of [1, 6, 100]) {
      expect(redactInChunks(compilePatterns(secrets), "<abcdefghijklmnop>", size)).toBe(
        "<[REDACTED a][REDACTED b]>",
      )
    }
  })

  test("a secret that overlaps itself has one marker; side by side, it has two", () => {
    const patterns = compilePatterns([secret("a", "xyxyxy")])
    expect(redactInChunks(patterns, "xyxyxyxyx", 2)).toBe("[REDACTED a]x")
    expect(redactInChunks(patterns, "xyxyxy.xyxyxy", 2)).toBe("[REDACTED a].[REDACTED a]")
    const other = compilePatterns([secret("a", "fake-1")])
    expect(redactInChunks(other, "fake-1fake-1", 2)).toBe("[REDACTED a][REDACTED a]")
  })

  test("a thousand with the same beginning are told apart", () => {
    const secrets = Array.from({ length: 1000 }, (_, i) => secret(`s${i}`, `fake_live_${i}_fake`))
    const text = secrets.map(({ value }) => Buffer.from(value).toString()).join("\n")
    const expected = secrets.map(({ name }) => `[REDACTED ${name}]`).join("\n")
    expect(redactInChunks(compilePatterns(secrets), text, 17)).toBe(expected)
  })

  test("two streams do not disturb each other", () => {
    const patterns = compilePatterns([secret("a", "fake_live_9aB3")])
    const [one, other] = [new Redactor(patterns), new Redactor(patterns)]
    expect(push(one, "fake_l")).toBe("")
    expect(push(other, "fake_live_9")).toBe("")
    expect(push(one, "ive_9aB3")).toBe("[REDACTED a]")
    expect(push(other, "!")).toBe("fake_live_9!")
  })
})

describe("the work grows as the stream does, whatever the values", () => {
  const dear: readonly (readonly [name: string, values: readonly string[], stream: string])[] = [
    ["one letter, and then another", [`${a(799)}b`], a(2 ** 20)],
    ["one letter, and another in the middle", [`${a(400)}b${a(400)}`], a(2 ** 20)],
    ["one letter, as often as is held back", [`${a(70_000)}b`], a(2 ** 20)],
    ["almost the whole, again and again", [`${a(799)}b`], `${a(798)}c`.repeat(1300)],
    ["its base64", [`${a(798)}b`], base64(a(2 ** 19))],
    ["its base64, in lines", [`${a(798)}b`], inLines(base64(a(2 ** 19)))],
    ["its hex", [`${a(799)}b`], Buffer.from(a(2 ** 19)).toString("hex")],
    ["secrets that are each the end of another", ends(noise(250)), noise(249).repeat(1000)],
    [
      "letters that are line ends as well",
      ["\x9e\x79\xe7".repeat(300)],
      `${"n".repeat(6)}\\`.repeat(2 ** 17),
    ],
  ]

  test.each(dear)("%s", (_, secrets, stream) => {
    const patterns = compilePatterns(
      secrets.map((value, i) => ({ name: `s${i}`, value: Buffer.from(value, "latin1") })),
    )
    const compared = (size: number): number => {
      const redactor = new Redactor(patterns)
      for (const chunk of chunked(Buffer.from(stream.slice(0, size)), [10_000])) {
        redactor.push(chunk)
      }
      redactor.end()
      return redactor.compared
    }
    const [half, all] = [compared(stream.length / 2), compared(stream.length)]
    // So many steps for each byte, and 5 times what may be held back before the way changes.
    expect(all).toBeLessThan(20 * stream.length + 5 * 64 * KIB)
    expect(all - half).toBeLessThan(12 * stream.length)
  })

  test("and nothing of it is lost", () => {
    const patterns = compilePatterns([secret("s", `${a(799)}b`)])
    expect(redactInChunks(patterns, `${a(50_000)}c${a(1000)}b${a(900)}`, 4000)).toBe(
      `${a(50_000)}c${a(201)}[REDACTED s]${a(900)}`,
    )
  })
})

function a(count: number): string {
  return "a".repeat(count)
}

function inLines(text: string): string {
  return (text.match(/.{1,76}/g) ?? []).join("\n")
}

/** A text, and every end of it that is a secret. */
function ends(text: string): string[] {
  return Array.from({ length: text.length - 10 }, (_, at) => text.slice(at))
}

interface Scene {
  readonly secrets: readonly Redacted[]
  readonly text: Buffer
  readonly cuts: readonly number[]
}

/**
 * Secrets of few different bytes, so that they overlap and begin alike, and a text of their forms,
 * whole, cut off, broken into lines, and of other bytes.
 */
function scenes(): fc.Arbitrary<Scene> {
  const alphabets = [
    "ab",
    "ab\n",
    "aZ/'\" %<",
    "\u00FF\u0000a\n",
    "0123456789abcdef",
    'abcdefghijklmnopqrstuvwxyz+/\\\n"',
  ]
  const value = fc
    .constantFrom(...alphabets)
    .chain((alphabet) =>
      fc.array(fc.constantFrom(...alphabet.split("")), { minLength: 1, maxLength: 40 }),
    )
    .map((chars) => Buffer.from(chars.join(""), "latin1"))
  const values = fc.array(value, { minLength: 1, maxLength: 4 })
  return values.chain((all) => {
    const secrets = all.map((bytes, i) => ({ name: `s${i}`, value: bytes }))
    const forms = all.flatMap(formsOf).map(({ bytes }) => bytes.toString("latin1"))
    const text = fc.array(material(forms), { maxLength: 8 })
    return fc.record({
      secrets: fc.constant(secrets),
      text: text.map((pieces) => Buffer.from(pieces.join(""), "latin1")),
      cuts: cuttings(),
    })
  })
}

function material(forms: readonly string[]): fc.Arbitrary<string> {
  const form = fc.constantFrom("abc", ...forms)
  const gap = fc.constantFrom("\n", "\r\n", "\n  ", "\\n", "\\r\\n", "\\", "\\x", "\n\t\n", " ")
  const part = fc
    .tuple(form, fc.nat(80), fc.nat(80))
    .map(([text, from, size]) => text.slice(from % text.length, (from % text.length) + size))
  const broken = fc
    .tuple(form, fc.integer({ min: 1, max: 40 }), gap)
    .map(([text, width, by]) => (text.match(new RegExp(`[^]{1,${width}}`, "g")) ?? []).join(by))
  return fc.oneof(
    form,
    part,
    broken,
    gap,
    fc.string({ maxLength: 6 }),
    fc.constant("\n".repeat(70)),
  )
}

function cuttings(): fc.Arbitrary<readonly number[]> {
  return fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 20 })
}

/** Cut into pieces of these sizes, again and again. */
function chunked(text: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, i = 0; at < text.length; i += 1) {
    const size =
      i % sizes.length === 0 ? Math.max(1, sizes[0] ?? 1) : (sizes[i % sizes.length] ?? 1)
    chunks.push(text.subarray(at, at + size))
    at += size
  }
  return chunks
}

/** What the redactor should do, said as simply as possible: every form, tried at every place. */
function naive(secrets: readonly Redacted[], text: Buffer): string {
  const needles = secrets.flatMap(({ name, value }) =>
    formsOf(value).map((form) => ({ name, ...form, text: form.bytes.toString("latin1") })),
  )
  const source = text.toString("latin1")
  let output = ""
  let written = 0
  let marked = ""
  for (let at = 0; at < source.length; at += 1) {
    let end = 0
    let name = ""
    for (const needle of needles) {
      const found = endOf(needle, needles, source, at)
      if (found > end) [end, name] = [found, needle.name]
    }
    if (end <= written) continue
    output += source.slice(written, Math.max(written, at))
    if (at >= written || name !== marked) output += `[REDACTED ${name}]`
    written = end
    marked = name
  }
  return output + source.slice(written)
}

interface NamedForm extends Form {
  readonly name: string
  readonly text: string
}

/** Where a form ends that begins at a place; 0 if it does not. */
function endOf(form: NamedForm, all: readonly NamedForm[], source: string, at: number): number {
  let end = at
  for (let i = 0; i < form.text.length;) {
    if (form.text[i] === source[end]) {
      i += 1
      end += 1
      continue
    }
    const gap = /^(?:[\r\n]|\\+[nr])(?:[\r\n \t]|\\+[nr])*/.exec(source.slice(end))?.[0]
    if (!form.wraps || i < 6 || gap === undefined || gap.length > 64) return 0
    if (isEnd(form.text.slice(0, i), all)) return 0
    end += gap.length
  }
  return end
}

/** Whether a form ends here, and what goes on has no more than 4 digits of the same secret. */
function isEnd(text: string, all: readonly NamedForm[]): boolean {
  const first = (wanted: string) => all.find((form) => form.wraps && form.text === wanted)?.name
  const name = first(text)
  if (name === undefined) return false
  const longer = all.filter(
    (form) => form.wraps && form.text.startsWith(text) && form.text !== text,
  )
  return longer.every((form) => form.text.length <= text.length + 4 && first(form.text) === name)
}

function redact(patterns: Patterns, chunks: readonly Uint8Array[], patience?: number): Buffer {
  const redactor = new Redactor(patterns, patience)
  const pieces = chunks.map((chunk) => Buffer.from(redactor.push(chunk)))
  return Buffer.concat([...pieces, redactor.end()])
}

/** The result of both ways to search, which is one. */
function redactInChunks(patterns: Patterns, text: string, size: number): string {
  const chunks = chunked(Buffer.from(text), [size])
  const redacted = redact(patterns, chunks).toString()
  expect(redact(patterns, chunks, -1).toString() === redacted).toBe(true)
  return redacted
}

function push(redactor: Redactor, text: string): string {
  return Buffer.from(redactor.push(Buffer.from(text))).toString()
}

function secret(name: string, value: string): Redacted {
  return { name, value: Buffer.from(value) }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64")
}

/** Letters that do not repeat themselves; the same ones each time. */
function noise(size: number): string {
  let state = 1
  return Array.from({ length: size }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return String.fromCharCode(97 + ((state >>> 16) % 26))
  }).join("")
}
