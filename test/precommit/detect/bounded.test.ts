import { expect, test } from "vitest"
import { commentsIn } from "../../../src/precommit/allow/comments.js"
import { applyExceptions } from "../../../src/precommit/allow/exceptions.js"
import { matchesGlob } from "../../../src/precommit/allow/glob.js"
import { LineIndex } from "../../../src/precommit/look/contents.js"
import { scanBytes } from "../../../src/precommit/look/scan.js"
import { Spans } from "../../../src/precommit/look/spans.js"
import { withoutHang } from "../../hang.js"
import { expand, Generator } from "./template.js"

// What surrounds the rules takes time in proportion to what it is given, whatever that is.

test("a reason made of comments' ends", () => {
  const text = `agent-vault: allow generic-password ${"--%>".repeat(300_000)}!`
  const none = [{ line: 1, rule: undefined }]
  expect(withoutHang(() => commentsIn(text))).toEqual(none)
  expect(commentsIn("/* agent-vault: allow jwt */ const x = 1")).toEqual(none)
  expect(commentsIn("/* agent-vault: allow jwt of the docs */")).toHaveLength(1)
})

test("an env file with a line of blanks", () => {
  const text = Buffer.from(`PASSWORD=a${" ".repeat(2_000_000)}b\n`)
  expect(withoutHang(() => scanBytes(".env", text, {})).findings).toBeDefined()
  const { findings } = scanBytes(".env", Buffer.from("A_PASSWORD=secretly  \r\n"), {})
  expect(findings.map(({ text: found }) => found)).toEqual(["secretly"])
})

test("one line of 5 MB", () => {
  const unit = 'agent-vault: allow jwt x {"token":"a.b", password: [\'c\', "d" ] } '
  const text = Buffer.from(unit.repeat(Math.ceil(5e6 / unit.length)))
  expect(withoutHang(() => scanBytes("a.json", text, {})).findings).toBeDefined()
})

test("a million places in a last line of 20 million characters", () => {
  const lines = new LineIndex(`…\n${"…".repeat(20_000_000)}`)
  const last = withoutHang(() => {
    for (let at = 2; at < 1_000_000; at += 1) lines.at(at)
    return lines.at(1_000_000)
  })
  expect(last).toEqual({ line: 2, column: 999_999 })
})

test("100,000 findings, each with a comment, in an env file with own values", () => {
  const generator = new Generator(1)
  const line = (): string =>
    expand("X_TOKEN={base62:24} # agent-vault: allow jwt a reason", generator)
  const text = Array.from({ length: 100_000 }, line).join("\n")
  const bytes = Buffer.from(text)
  const own = Array.from({ length: 1000 }, (_, at) => ({
    secret: "a/b",
    start: at * 80,
    end: at * 80 + 2,
  }))
  const { findings } = withoutHang(() => scanBytes(".env", bytes, { own: () => own }))
  expect(findings.length).toBeGreaterThan(90_000)
})

test("more findings than there are entries for", async () => {
  const entry = { path: "**", rule: "jwt", fingerprint: "0".repeat(16), reason: "none" }
  const findings = Array.from({ length: 200_000 }, (_, at) => ({
    rule: "jwt",
    title: "",
    path: "a",
    line: at,
    column: 1,
    text: String(at),
  }))
  const judged = await applyExceptions([entry], findings, [], { paths: new Set(), all: false })
  expect(judged.findings).toHaveLength(200_000)
  // A digest is 20 ms and more: one for each would be an hour, and the test's limit.
})

test("a pattern with many stars", () => {
  const [pattern, path] = ["**/*a".repeat(200), "a/b".repeat(1300)]
  const stars = ["*a".repeat(400) + "b", "a".repeat(4000)] as const
  expect(withoutHang(() => matchesGlob(pattern, path))).toBe(false)
  expect(withoutHang(() => matchesGlob(...stars))).toBe(false)
})

test("pieces that overlap are told from those that touch", () => {
  const spans = new Spans([
    { start: 20, end: 30 },
    { start: 0, end: 40 },
    { start: 50, end: 60 },
  ])
  const meets = (start: number, end: number): boolean => spans.meet({ start, end })
  expect([meets(35, 36), meets(40, 50), meets(49, 51), meets(60, 61)]).toEqual([
    true,
    false,
    true,
    false,
  ])
  expect(new Spans([]).meet({ start: 0, end: 9 })).toBe(false)
})
