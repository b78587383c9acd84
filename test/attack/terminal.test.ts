import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { setSecret } from "../../src/core/owner.js"
import { type Arena, type Machine, copyMachine, makeArena } from "./arena.js"

// Text from the repository reaches a terminal only as text: no control characters, and none that
// reorder or hide what a person, or a model, reads.

/** What a description may hold: right-to-left, line separators, and what nobody sees. */
const HIDDEN = "a \u202e\u2066\u061c\u2028\u200b\u00ad\ufeff\u{e0041}\u{e0042} b"
/** What anything else may: clears the screen, sets a title, an 8-bit CSI, and so on. */
const EVIL = `\u001b[2J\u001b]0;owned\u0007\u009b31m\r\b\u007f${HIDDEN}`
const FORBIDDEN = /(?![\r\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

let stage: Arena
let alice: Machine

beforeAll(async () => {
  stage = await makeArena()
  const value = Buffer.from(`before${EVIL}after`)
  const metadata = { description: HIDDEN }
  await setSecret({ ...(await stage.alice.request()), name: "evil/text", value, metadata })
})
afterAll(() => stage.remove())
beforeEach(() => {
  alice = copyMachine(stage.alice)
})
afterEach(() => alice.remove())

/** What a terminal gets, less the styles that the program itself sets. */
function shown(args: readonly string[]): string {
  const styles = [1, 22, 31, 32, 33, 39].map((number) => `\u001b[${number}m`)
  return styles.reduce((text, own) => text.replaceAll(own, ""), alice.atTerminal(args).stdout)
}

test.each([
  ["list"],
  ["list --json"],
  ["list evil --json"],
  ["get evil/text"],
  ["get evil/text --json"],
  ["check"],
  ["check --json"],
])("%s at a terminal shows a hostile description and value as text", (command) => {
  expect(shown(command.split(" "))).not.toMatch(FORBIDDEN)
})

test("a value at a terminal is all there, with what could drive it escaped", () => {
  const text = shown(["get", "evil/text"])
  expect(text).toContain("before\\u{1b}[2J")
  expect(text).toContain("after")
})

test("JSON at a terminal means the same as without one", () => {
  const { secrets } = JSON.parse(shown(["list", "evil", "--json"])) as {
    secrets: { description: string }[]
  }
  expect(secrets.map(({ description }) => description)).toEqual([HIDDEN])
})

test("hostile file names, branches, manifests and folders are shown as text", () => {
  writeFileSync(alice.path(`secrets/x${EVIL.replaceAll("/", "")}`), "x")
  writeFileSync(join(alice.top, ".git", "HEAD"), `ref: refs/heads/main\u001b[2J\u009b\u202e\n`)
  expect(shown(["check"])).toContain("\\u{1b}")
  expect(shown(["check"])).not.toMatch(FORBIDDEN)
  expect(shown(["check", "--json"])).not.toMatch(FORBIDDEN)
  expect(shown(["status"])).not.toMatch(FORBIDDEN)
  expect(shown(["status", "--json"])).not.toMatch(FORBIDDEN)
  alice.put("manifest.yaml", `version: 1\n"${EVIL.replaceAll("\r", "")}": 1\n`)
  expect(shown(["check"])).not.toMatch(FORBIDDEN)
  expect(shown(["apply"])).not.toMatch(FORBIDDEN)
})

test("hostile text in arguments is shown as text", () => {
  for (const args of [
    ["get", `a/${EVIL}`],
    ["list", EVIL],
    ["grant", EVIL, "x"],
    [EVIL, "--json"],
  ]) {
    expect(shown(args)).not.toMatch(FORBIDDEN)
  }
})

test("a reason in the manifest reaches apply as text", () => {
  const line = `- { agent: temp, group: db, reason: "a \u202e\u{e0041} b" }`
  alice.edit("manifest.yaml", "grants:\n", `grants:\n  ${line}\n`)
  alice.arrive()
  const { stdout } = alice.atTerminal(["apply"], { answers: [["[yes/no]", "no"]] })
  expect(stdout).toContain("+ temp gains access (a \\u{202e}")
  expect(stdout).toContain("Nothing was changed.")
})

test("bytes that are no text are not sent to a terminal, unless --raw says so", async () => {
  const value = Buffer.from([0xff, 0xfe, 0x1b, 0x5b, 0x32, 0x4a])
  const request = await alice.request()
  await setSecret({ ...request, name: "evil/bytes", value, metadata: {} })
  const refused = alice.atTerminal(["get", "evil/bytes"])
  expect([refused.code, refused.stdout]).toEqual([2, expect.stringContaining("binary (6 bytes)")])
  expect(alice.atTerminal(["get", "evil/bytes", "--raw"]).stdout).toContain("\u001b[2J")
})
