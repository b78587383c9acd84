import { expect, test } from "vitest"
import { harmless, toJson } from "../../../src/core/words/harmless.js"

test.each([
  ["nothing", "", ""],
  ["all that is plain", " ~!\"'\\{}", " ~!\"'\\{}"],
  ["letters of any language", "Schlüssel 鍵 🔑", "Schlüssel 鍵 🔑"],
  ["a line's end behind plain text", "plain\n", String.raw`plain\u{a}`],
  ["a second line", "plain\nmore", String.raw`plain\u{a}more`],
  ["an escape", "a\u001b[2Jb", String.raw`a\u{1b}[2Jb`],
  ["what ends plain text", "\u007f", String.raw`\u{7f}`],
  ["a control character of eight bits", "\u009b31m", String.raw`\u{9b}31m`],
  ["what reorders", "a\u202eb\u2066c", String.raw`a\u{202e}b\u{2066}c`],
  ["tags, which only models read", "a\u{e0041}", String.raw`a\u{e0041}`],
])("of %s, what does more than be read is escaped", (_what, text, shown) => {
  expect(harmless(text)).toBe(shown)
  // As often as one likes: nothing is kept of the last search.
  expect(harmless(text)).toBe(shown)
})

test("JSON is escaped as JSON is, and means the same", () => {
  const document = { text: "a\u202eb\u{e0041}", lines: "one\ntwo" }
  const json = toJson(document, 2)
  expect(json).toContain(String.raw`a\u202eb\udb40\udc41`)
  expect(JSON.parse(json)).toEqual(document)
})
