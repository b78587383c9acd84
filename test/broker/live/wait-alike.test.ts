import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { searchedFor } from "../../../src/broker/live/live-values.js"
import { Sieve } from "../../../src/broker/live/sieve.js"

const VALUE = `fake-${createHash("sha256").update("of a test").digest("hex").slice(0, 43)}`
/** So many bytes of a form anybody may try out. */
const KNOWN = 16
/** More than any form of the value takes in a stream. */
const FAR = 20_000

const base64 = Buffer.from(VALUE).toString("base64")
const FORMS: Readonly<Record<string, string>> = {
  "as it is": VALUE,
  "in base64": base64,
  "in base64 in lines that are far apart": base64.replaceAll(/.{6}(?=.)/g, `$&\n${" ".repeat(60)}`),
  "in hex": Buffer.from(VALUE).toString("hex"),
  "in numbers of characters": Array.from(VALUE, (letter) => `&#${letter.charCodeAt(0)};`).join(""),
  "in UTF-16": Buffer.from(VALUE, "utf16le").toString("latin1"),
}

/** How many bytes come out at each piece that goes in, and at the end. */
function pace(
  pieces: readonly string[],
  searched = searchedFor([{ name: "a/b", value: Buffer.from(VALUE) }]),
): number[] {
  const through = new Sieve(() => searched).pieces()
  const out = pieces.map((piece) => through.push(Buffer.from(piece, "latin1")).length)
  return [...out, through.end().length]
}

/** The same text with another byte at a place. */
function other(text: string, at: number): string {
  return `${text.slice(0, at)}${text[at] === "~" ? "^" : "~"}${text.slice(at + 1)}`
}

function filler(bytes: number): string[] {
  return Array.from({ length: Math.ceil(bytes / 100) }, () => "#".repeat(100))
}

describe.each(Object.entries(FORMS))("of a text that begins like a value %s", (_what, form) => {
  const unknown = KNOWN + form.slice(KNOWN).search(/\S/)
  const lengths = [unknown + 2, unknown + 9, Math.floor(form.length / 2), form.length - 2]
  test.each(lengths)("no time tells whether %d of its bytes are right", (length) => {
    const right = form.slice(0, length)
    const wrong = other(right, unknown)
    for (const after of [["~", ...filler(FAR)], filler(FAR), [" ".repeat(70), ...filler(FAR)]]) {
      const alone = pace(["x", right, ...after])
      expect(pace(["x", wrong, ...after])).toEqual(alone)
      expect(pace([`x${wrong.slice(0, 7)}`, wrong.slice(7), ...after])).toEqual(
        pace([`x${right.slice(0, 7)}`, right.slice(7), ...after]),
      )
      // All of it came, before the end.
      expect(alone.reduce((sum, bytes) => sum + bytes)).toBe(`x${right}${after.join("")}`.length)
      expect(alone.at(-1)).toBe(0)
    }
  })
})

test("what is no value, and what is a whole one, waits for nothing", () => {
  expect(pace(["data: one\n\n", "data: two\n\n"])).toEqual([11, 11, 0])
  expect(pace([VALUE.slice(0, KNOWN - 1), "~~"])).toEqual([0, KNOWN + 1, 0])
  const marker = "[REDACTED a/b]".length
  expect(pace([`${VALUE}\n`, "two\n"])).toEqual([marker + 1, 4, 0])
})

test("what seems to begin like a value again and again comes out all the same", () => {
  const near = `data: ${other(VALUE.slice(0, 30), 29)}\n\n`
  const out = pace(Array.from({ length: 1000 }, () => near))
  let waits = 0
  for (const bytes of out.slice(0, -1)) {
    waits += near.length - bytes
    expect(waits).toBeLessThan(1000)
  }
})

test("a long value has only what begins as it does wait for long", () => {
  const long = Buffer.from(`other-${"0123456789".repeat(900)}`)
  const searched = searchedFor([
    { name: "a/b", value: Buffer.from(VALUE) },
    { name: "a/long", value: long },
  ])
  const pieces = [other(VALUE.slice(0, 30), 29), ...filler(FAR)]
  expect(pace(pieces, searched)).toEqual(pace(pieces))
})

test("a search for more values goes on to wait", () => {
  const values = [VALUE, VALUE.toUpperCase()].map((value, at) => ({
    name: `a/${at}`,
    value: Buffer.from(value),
  }))
  const paceOf = (text: string): number[] => {
    let searched = searchedFor(values.slice(0, 1))
    const through = new Sieve(() => searched).pieces()
    const first = through.push(Buffer.from(text)).length
    searched = searchedFor(values)
    return [
      first,
      ...["~", "~"].map((piece) => through.push(Buffer.from(piece)).length),
      through.end().length,
    ]
  }
  const right = VALUE.slice(0, 30)
  expect(paceOf(other(right, KNOWN))).toEqual(paceOf(right))
})

test("also where a stream seems to begin like a value everywhere", () => {
  const value = `${"a".repeat(2000)}${VALUE}`
  const searched = searchedFor([{ name: "a/b", value: Buffer.from(value) }])
  const many = Array.from({ length: 400 }, () => "a".repeat(1000))
  const right = `${"a".repeat(2000)}${VALUE.slice(0, 30)}`
  const after = filler(70_000)
  const paceOf = (text: string): number[] => pace([...many, text, "~", ...after], searched)
  expect(paceOf(other(right, 2000 + KNOWN))).toEqual(paceOf(right))
})

describe.each([
  ["a line of the same value", ["somebody@example.com\nfake-hunter-2-7Q"]],
  ["another value", ["https://example.com/v1/", `https://example.com/v1/${VALUE}`]],
])("of a text that goes on behind a whole one as a longer one does, %s", (_what, values) => {
  const searched = searchedFor(
    values.map((value, at) => ({ name: `a/${at}`, value: Buffer.from(value) })),
  )
  const longest = values.at(-1) ?? ""
  const known = values.length > 1 ? (values[0] ?? "").length : longest.indexOf("\n") + 1
  test.each([1, 4, 9])("no time tells whether %d of its bytes are right", (more) => {
    const right = longest.slice(0, known + more)
    const [one, two] = [right, other(right, known)].map((text) =>
      pace(["x", text, ...filler(2000)], searched),
    )
    expect(two).toEqual(one)
  })
})
