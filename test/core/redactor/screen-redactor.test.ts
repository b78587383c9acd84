import { randomBytes } from "node:crypto"
import { array, assert, constantFrom, oneof, property, uint8Array } from "fast-check"
import { describe, expect, test } from "vitest"
import { compilePatterns } from "../../../src/core/redactor/patterns.js"
import { ScreenRedactor, screenPatterns } from "../../../src/core/redactor/screen-redactor.js"

const VALUE = `canary-${randomBytes(12).toString("hex")}`
const NAME = "stripe/api-key"
const MARKER = `[REDACTED ${NAME}]`

function redactorOf(...values: readonly string[]): ScreenRedactor {
  const secrets = values.map((value) => ({ name: NAME, value: Buffer.from(value) }))
  return new ScreenRedactor(screenPatterns(compilePatterns(secrets), secrets))
}

function lettersOf(text: string): string[] {
  return Array.from(text)
}

/** What comes of chunks that come at once, and of the end. */
function redact(chunks: readonly (string | Uint8Array)[], values = [VALUE]): string {
  const redactor = redactorOf(...values)
  const pieces = chunks.map((chunk) => redactor.push(Buffer.from(chunk), 0))
  return Buffer.concat([...pieces, redactor.end()]).toString("latin1")
}

describe("a value with codes in it", () => {
  test.each([
    ["colours", "\u001b[1;32m"],
    ["a cursor move", "\u001b[12;40H"],
    ["a title", "\u001b]0;a title\u0007"],
    ["a title that ends otherwise", "\u001b]0;a title\u001b\\"],
    ["a device's string", "\u001bP1$r0m\u001b\\"],
    ["a character set", "\u001b(B"],
    ["a saved cursor", "\u001b7"],
    ["a line that a terminal ends", "\r\n"],
    ["a return", "\r"],
    ["a bell and a backspace", "\u0007\b"],
    ["a sequence that is cancelled", "\u001b[12\u0018"],
    ["two escapes", "\u001b\u001b[m"],
  ])("%s", (_what, code) => {
    const coloured = lettersOf(VALUE).join(code)
    // The codes stay, behind the marker.
    expect(redact([`<${coloured}>`])).toBe(`<${MARKER}${code.repeat(VALUE.length - 1)}>`)
    expect(redact(lettersOf(`<${coloured}>`))).toBe(`<${MARKER}${code.repeat(VALUE.length - 1)}>`)
  })

  test("in its forms", () => {
    for (const form of ["base64", "hex"] as const) {
      const text = Buffer.from(VALUE).toString(form)
      expect(redact([lettersOf(text).join("\u001b[7m")]).replaceAll("\u001b[7m", "")).toBe(MARKER)
    }
  })

  test("one in a title, where a terminal shows it as well", () => {
    expect(redact([`\u001b]0;${VALUE}\u0007.`])).toBe(`\u001b]0;${MARKER}\u0007.`)
  })

  test("one of several lines, however a terminal ends and breaks them", () => {
    const lines = ["first", "second", "third"].map((word) => `${word}-${VALUE.slice(-8)}`)
    const shown = `<${lines.join("\r\n")}>`
    expect(redact([shown], [lines.join("\n")])).toBe(`<${MARKER}\r\n\r\n>`)
    const broken = shown.replaceAll("-", "-\r\n")
    expect(redact([broken], [lines.join("\n")]).replaceAll("\r\n", "")).toBe(`<${MARKER}>`)
  })
})

test("what holds no value comes through as it is, however it is cut", () => {
  const code = constantFrom("\u001b[1m", "\u001b]0;t\u0007", "\r\n", "\u001b", "\u0018", "\u0000")
  const text = constantFrom("é", "🔑", VALUE.slice(0, 9), VALUE.slice(9), "x")
  assert(
    property(array(oneof(code, text, uint8Array({ maxLength: 5 }))), (pieces) => {
      const chunks = pieces.map((piece) => Buffer.from(piece))
      const all = Buffer.concat(chunks)
      const shown = all.toString("latin1")
      const redactor = redactorOf(VALUE)
      const out = chunks.map((chunk) => redactor.push(chunk, 0))
      const redacted = Buffer.concat([...out, redactor.end()]).toString("latin1")
      expect(redacted.includes(MARKER) || redacted === shown).toBe(true)
      expect(redacted).not.toContain(VALUE)
      expect(redact([all])).toBe(redacted)
    }),
  )
})

describe("what waits", () => {
  const [first, rest] = [VALUE.slice(0, 10), VALUE.slice(10)]

  test("is known by when it came, and only while it waits", () => {
    const redactor = redactorOf(VALUE)
    expect([redactor.push(Buffer.from("hello"), 1).length, redactor.waitsSince]).toEqual([
      5,
      undefined,
    ])
    expect([redactor.push(Buffer.from(`>${first}`), 2).length, redactor.waitsSince]).toEqual([1, 2])
    redactor.push(Buffer.from(rest.slice(0, 2)), 3)
    expect(redactor.waitsSince).toBe(2)
    expect([redactor.push(Buffer.from("no"), 4).length, redactor.waitsSince]).toEqual([
      14,
      undefined,
    ])
  })

  test.each([
    ["plain", ""],
    ["coloured", "\u001b[1m"],
  ])(
    "is handed out when it must be; the rest of the value is still taken out: %s",
    (_how, code) => {
      const redactor = redactorOf(VALUE)
      const [before, after] = [first, rest].map((part) => Buffer.from(lettersOf(part).join(code)))
      expect(redactor.push(before ?? Buffer.alloc(0), 0).toString()).toBe("")
      const released = Buffer.from(redactor.release()).toString()
      expect(released.replaceAll(code, "")).toBe(first)
      expect(redactor.waitsSince).toBeUndefined()
      const later = [redactor.push(after ?? Buffer.alloc(0), 1), redactor.push(Buffer.from("."), 1)]
      expect(Buffer.concat(later).toString().replaceAll(code, "")).toBe(`${MARKER}.`)
    },
  )

  test.each(Array.from(rest, (_, at) => at))(
    "is taken out from there on, however what follows is cut: after %i letters",
    (at) => {
      const redactor = redactorOf(VALUE)
      const code = "\u001b[1m"
      redactor.push(Buffer.from(lettersOf(first).join(code)), 0)
      redactor.release()
      const chunks = [rest.slice(0, at), rest.slice(at), "."]
      const shown = chunks.map((chunk) =>
        Buffer.from(redactor.push(Buffer.from(code + lettersOf(chunk).join(code)), 1)).toString(),
      )
      expect(shown.join("").replaceAll(code, "")).toBe(`${MARKER}.`)
    },
  )

  test("typed letter by letter, slowly: each is shown, but the last", () => {
    const redactor = redactorOf(VALUE)
    const shown = lettersOf(VALUE).map((letter) => {
      const at = Buffer.from(redactor.push(Buffer.from(letter), 0)).toString()
      return at + Buffer.from(redactor.release()).toString()
    })
    expect(shown.join("")).toBe(`${VALUE.slice(0, -1)}${MARKER}`)
  })

  test("is little, where codes without end stand in what may be a value", () => {
    const redactor = redactorOf(VALUE)
    redactor.push(Buffer.from(first), 0)
    let length = 0
    for (let chunk = 0; chunk < 64; chunk += 1) {
      length += redactor.push(Buffer.from("\u001b[1m".repeat(16 * 1024)), 0).length
    }
    expect(64 * 64 * 1024 - length).toBeLessThan(512 * 1024)
  })
})
