import { expect, test } from "vitest"
import { parseManifest } from "../../src/core/records/manifest.js"
import { withoutHang } from "../hang.js"

// Whatever text is pushed as the manifest: what could mean something else than it seems to is
// refused, and nothing costs more than seconds.

const VAULT = "5b0c1f6e2a9d4c7783e1d0b4a6f2c95e"
const head = (): string => `version: 1\nvault: ${VAULT}\n`
const groups = (text: string): string => `${head()}groups:\n${text}grants: []\n`
const MIB = 1024 * 1024
/** Repeats a line, numbered, up to a size. */
const full = (size: number, line: (index: number) => string, from = ""): string => {
  const lines = [from]
  for (let index = 0, length = from.length; length < size - 100; index++) {
    lines.push(line(index))
    length += lines.at(-1)?.length ?? 0
  }
  return lines.join("")
}

const HOSTILE: readonly (readonly [name: string, text: () => string | Buffer])[] = [
  ["an anchor", () => groups("  a: &x {}\n  b: {}\n")],
  ["an alias", () => groups("  a: &x {}\n  b: *x\n")],
  ["an alias before its anchor", () => groups("  b: *x\n  a: &x {}\n")],
  ["a merge key", () => groups("  a: { <<: { description: x } }\n")],
  ["a tag", () => groups("  a: !!map {}\n")],
  ["a tag of its own", () => groups("  a: !evil {}\n")],
  ["a duplicate key", () => `${groups("  a: {}\n")}grants: []\n`],
  ["a duplicate group", () => groups("  a: {}\n  a: {}\n")],
  ["a key quoted otherwise", () => groups('  a: {}\n  "a": {}\n')],
  ["groups that differ in case", () => groups("  a: {}\n  A: {}\n")],
  ["a key that is a map", () => groups("  ? { a: 1 }\n  : {}\n")],
  ["a key that is a number", () => groups("  1: {}\n")],
  ["__proto__ as a group", () => groups("  __proto__: { description: x }\n")],
  ["__proto__ as a key", () => `${groups("  a: {}\n")}__proto__: { x: 1 }\n`],
  ["constructor as an unknown key", () => groups("  a: { constructor: x }\n")],
  ["a group called ..", () => groups('  "..": {}\n')],
  ["a group called CON", () => groups("  CON: {}\n")],
  ["a group with a slash", () => groups("  a/b: {}\n")],
  ["a group called x.past", () => groups("  x.past: {}\n")],
  ["control characters in a description", () => groups('  a: { description: "\\e[2J" }\n')],
  ["another vault", () => groups("  a: {}\n").replace(/vault: ..../, "vault: 0000")],
  [
    "a grant of a group that is not listed",
    () => `${head()}groups: {}\ngrants: [{agent: a, group: b}]\n`,
  ],
  ["two documents", () => `${groups("  a: {}\n")}---\nversion: 1\n`],
  ["a directive", () => `%YAML 1.1\n---\n${groups("  a: {}\n")}`],
  ["a YAML that is a string", () => "hello\n"],
  ["nothing", () => ""],
  ["null bytes", () => "\0\0\0\0"],
  ["bytes that are no UTF-8", () => Buffer.from([0x76, 0xff, 0xfe, 0x0a])],
  ["UTF-16", () => Buffer.from(`\ufeff${groups("  a: {}\n")}`, "utf16le")],
  ["more than 4 MiB", () => `${head()}#${"x".repeat(4 * MIB)}`],
  ["brackets 100,000 deep", () => `${head()}groups: ${"[".repeat(100_000)}`],
  ["braces 100,000 deep", () => `${head()}groups: ${"{a: ".repeat(100_000)}`],
  ["a list 100,000 deep", () => `${head()}groups: ${"- ".repeat(100_000)}x`],
  [
    "an indentation 2,000 deep",
    () => {
      const lines = Array.from({ length: 2000 }, (_, index) => `${" ".repeat(index)}a:\n`)
      return lines.join("")
    },
  ],
  [
    "a billion laughs",
    () => {
      const lines = Array.from("abcdefghi", (name, index) => {
        const before = index === 0 ? "lol" : `*${String.fromCharCode(96 + index)}`
        return `${name}: &${name} [${Array.from({ length: 9 }, () => before).join(",")}]\n`
      })
      return lines.join("")
    },
  ],
  ["256 KiB of line ends", () => "\n".repeat(MIB / 4)],
  ["4 MiB of spaces", () => " ".repeat(4 * MIB)],
  ["4 MiB of dashes", () => "-".repeat(4 * MIB)],
  ["1 MiB of question marks", () => "? \n".repeat(MIB / 3)],
  ["4 MiB of quotes", () => `${head()}groups: "${'\\"'.repeat(2 * MIB - 100)}`],
  ["1 MiB of unknown keys", () => full(MIB, (index) => `k${index}: 1\n`, head())],
]

test.each(HOSTILE)("%s: refused", (_, text) => {
  const bytes = Buffer.from(text())
  expect(() => withoutHang(() => parseManifest(bytes, VAULT))).toThrow(/manifest.yaml is not valid/)
})

const LARGE: readonly (readonly [name: string, text: () => string])[] = [
  [
    "1 MiB of groups",
    () => `${full(MIB, (index) => `  g${index}: {}\n`, `${head()}groups:\n`)}grants: []\n`,
  ],
  [
    "1 MiB of grants",
    () =>
      full(
        MIB,
        (index) => `- { agent: a${index}, group: g }\n`,
        `${head()}groups: { g: {} }\ngrants:\n`,
      ),
  ],
  ["4 MiB of comments", () => full(4 * MIB, () => "# [{\n", groups("  a: {}\n"))],
]

test.each(LARGE)("%s: no hang", (_, text) => {
  const bytes = Buffer.from(text())
  let outcome = "accepted"
  try {
    withoutHang(() => parseManifest(bytes, VAULT))
  } catch (error) {
    outcome = String(error)
  }
  expect(outcome).toMatch(/^accepted$|manifest.yaml is not valid/)
})

test("CRLF and a byte order mark are no attack", () => {
  const text = groups("  a: {}\n").replaceAll("\n", "\r\n")
  const { groups: found } = parseManifest(Buffer.from(`\ufeff${text}`), VAULT)
  expect(found).toEqual({ a: {} })
})
