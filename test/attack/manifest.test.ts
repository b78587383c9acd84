import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { parseManifest } from "../../src/core/manifest.js"
import { apply, grant } from "../../src/core/owner.js"
import {
  type Arena,
  type Machine,
  VALUES,
  copyArena,
  copyMachine,
  loot,
  makeArena,
  said,
  vaultIdOf,
} from "./arena.js"

// The manifest is a wish that anybody with push access can edit. It lets nobody in and locks nobody
// out, until an owner has seen the plan; and whatever it holds, it is dealt with in seconds.

const DAY = 86_400_000
const STRIPE = [VALUES["stripe/api-key"], VALUES["stripe/webhook"]].sort()

let stage: Arena
let alice: Machine

beforeAll(async () => {
  stage = await makeArena()
})
afterAll(() => stage.remove())
beforeEach(() => {
  alice = copyMachine(stage.alice)
})
afterEach(() => alice.remove())

test("a merged pull request that adds a grant lets nobody in until apply, which shows it", async () => {
  const arena = copyArena(stage)
  const { ci, mallory } = arena
  const owner = arena.alice
  mallory.edit("manifest.yaml", "grants:\n", "grants:\n  - { agent: temp, group: stripe }\n")
  mallory.publish("a pull request")
  owner.pull()
  ci.pull()
  const temp = await owner.identityOf("temp")

  expect(ci.code(["get", "stripe/api-key", "--agent", "ci"], { shows: true })).toBe("0 ok")
  expect(owner.code(["get", "stripe/api-key", "--agent", "temp"])).toBe("4 NOT_GRANTED")
  expect(owner.run(["check"]).stdout).toContain("PENDING  stripe: temp is to open it")
  expect(owner.code(["grant", "temp", "db"])).toBe("6 PENDING")
  expect(owner.code(["set", "stripe/new"], { stdin: "before-apply" })).toBe("0 ok")
  expect(owner.code(["apply"])).toBe("2 NO_TERMINAL")
  expect(owner.code(["apply", "--yes"])).toBe("2 NO_TERMINAL")
  expect(await loot(owner.vault, [temp])).toEqual([])

  const plan = owner.run(["apply", "--dry-run"])
  expect(plan.stdout).toContain("+ temp gains access")
  const id = /--plan (\w+)/.exec(plan.stderr)?.[1] ?? ""
  owner.edit("manifest.yaml", "grants:\n", "grants:\n  - { agent: temp, group: db }\n")
  expect(owner.code(["apply", "--yes", "--plan", id])).toBe("6 PLAN_CHANGED")
  expect(await loot(owner.vault, [temp])).toEqual([])
  owner.git("restore", "--", ".agent-vault/manifest.yaml")
  expect(owner.code(["apply", "--yes", "--plan", id])).toBe("0 ok")
  expect(await loot(owner.vault, [temp])).toContain(VALUES["stripe/api-key"])
  arena.remove()
})

test("a grant taken out of the manifest locks nobody out until apply", async () => {
  alice.edit("manifest.yaml", /.*agent: ci.*\n/, "")
  alice.arrive()
  expect(await alice.read("ci", "stripe/api-key")).toBe(VALUES["stripe/api-key"])
  // But nothing new is sealed to whom the manifest has taken out.
  expect(await said(alice.set("stripe/new", "x"))).toBe("PENDING")
  expect(await said(alice.grant("temp", "stripe"))).toBe("PENDING")
})

test("nor does an end in the past that somebody wrote into it", async () => {
  alice.edit("manifest.yaml", "group: stripe }", 'group: stripe, until: "2020-01-01T00:00:00Z" }')
  alice.arrive()
  expect(await said(alice.set("stripe/new", "x"))).toBe("PENDING")
  expect(await said(alice.grant("temp", "stripe"))).toBe("PENDING")
  expect(await alice.read("ci", "stripe/api-key")).toBe(VALUES["stripe/api-key"])
})

test("a grant that has ended is not kept alive by a later end in the manifest", async () => {
  const now = new Date(Date.now() - 3 * DAY)
  const until = `${new Date(Date.now() - 2 * DAY).toISOString().slice(0, 19)}Z`
  await grant({ ...(await alice.request()), now, agent: "temp", groups: ["stripe"], until })
  const temp = await alice.identityOf("temp")
  alice.edit("manifest.yaml", until, "2099-01-01T00:00:00Z")
  alice.arrive()

  expect(await said(alice.set("stripe/new", "after-the-end"))).toBe("PENDING")
  expect(await said(alice.grant("deploy", "stripe"))).toBe("PENDING")
  expect(await alice.tryRead("temp", "stripe/api-key")).toBe("GRANT_ENDED")
  expect(await loot(alice.vault, [temp])).toEqual(STRIPE)
})

test("a group taken out of the manifest keeps its secrets", async () => {
  alice.edit("manifest.yaml", /.*(?:stripe: \{\}|agent: ci).*\n/g, "")
  alice.arrive()
  expect(await said(apply(await alice.request()))).toBe("PENDING")
  expect(await alice.read("ci", "stripe/api-key")).toBe(VALUES["stripe/api-key"])
})

test("a grant to an agent that does not exist waits for nobody to take that name", async () => {
  alice.edit("manifest.yaml", "grants:\n", "grants:\n  - { agent: new, group: stripe }\n")
  alice.arrive()
  expect(alice.code(["agent", "add", "new"])).toBe("0 ok")
  expect(await alice.tryRead("new", "stripe/api-key")).toBe("NOT_GRANTED")
  expect(await loot(alice.vault, [await alice.identityOf("new")])).toEqual([])
})

const head = (): string => `version: 1\nvault: ${vaultIdOf(stage.alice)}\n`
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
  ["1 MiB of line ends", () => "\n".repeat(MIB)],
  ["4 MiB of spaces", () => " ".repeat(4 * MIB)],
  ["4 MiB of dashes", () => "-".repeat(4 * MIB)],
  ["1 MiB of question marks", () => "? \n".repeat(MIB / 3)],
  ["4 MiB of quotes", () => `${head()}groups: "${'\\"'.repeat(2 * MIB - 100)}`],
  ["1 MiB of unknown keys", () => full(MIB, (index) => `k${index}: 1\n`, head())],
]

test.each(HOSTILE)("%s: refused, in seconds", (_, text) => {
  const bytes = Buffer.from(text())
  const start = Date.now()
  expect(() => parseManifest(bytes, vaultIdOf(stage.alice))).toThrow(/manifest.yaml is not valid/)
  expect(Date.now() - start).toBeLessThan(15_000)
})

const LARGE: readonly (readonly [name: string, text: () => string])[] = [
  [
    "4 MiB of groups",
    () => `${full(4 * MIB, (index) => `  g${index}: {}\n`, `${head()}groups:\n`)}grants: []\n`,
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

test.each(LARGE)("%s end in seconds", (_, text) => {
  const bytes = Buffer.from(text())
  const start = Date.now()
  let outcome = "accepted"
  try {
    parseManifest(bytes, vaultIdOf(stage.alice))
  } catch (error) {
    outcome = String(error)
  }
  expect(outcome).toMatch(/^accepted$|manifest.yaml is not valid/)
  expect(Date.now() - start).toBeLessThan(20_000)
})

test("a hostile manifest stops every change, and no reader", () => {
  alice.put("manifest.yaml", groups("  a: &x {}\n  b: *x\n"))
  alice.arrive()
  const before = alice.snapshot()
  expect(alice.code(["get", "stripe/api-key", "--agent", "ci"], { shows: true })).toBe("0 ok")
  expect(alice.code(["list"])).toBe("0 ok")
  expect(alice.code(["check"])).toBe("1 attention MANIFEST_INVALID")
  for (const command of ["set new/x", "grant temp db", "revoke ci stripe", "apply"]) {
    expect(alice.code(command.split(" "), { stdin: "x" })).toBe("5 MANIFEST_INVALID")
  }
  expect(alice.snapshot()).toEqual(before)
})

test("CRLF and a byte order mark are no attack", () => {
  const text = groups("  a: {}\n").replaceAll("\n", "\r\n")
  const { groups: found } = parseManifest(Buffer.from(`\ufeff${text}`), vaultIdOf(stage.alice))
  expect(found).toEqual({ a: {} })
})
