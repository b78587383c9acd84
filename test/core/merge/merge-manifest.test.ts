import { afterAll, expect, test } from "vitest"
import { findCheckout } from "../../../src/core/disk/place.js"
import { openGit } from "../../../src/core/git/git.js"
import { parseManifest } from "../../../src/core/records/manifest.js"
import { mergeManifests } from "../../../src/core/merge/merge-manifest.js"
import { emptyWorld } from "../world.js"

const world = emptyWorld()
const checkout = findCheckout(world.top)
if (checkout === undefined) throw new Error("a repository has a checkout")
const git = await openGit(checkout, world.env)
afterAll(() => world.remove())

const id = `a${"0".repeat(31)}`
const HEAD = `# Kept.\nversion: 1\nvault: ${id}\n`

function manifest(groups: readonly string[], grants: readonly string[]): string {
  const group = groups.map((name) => `  ${name}\n`).join("")
  const grant = grants.map((line) => `  - { ${line} }\n`).join("")
  return `${HEAD}groups:${group === "" ? " {}" : `\n${group}`.trimEnd()}\ngrants:\n${grant}`
}

async function merged(base: string, ours: string, theirs: string): Promise<string> {
  const bytes = { base: Buffer.from(base), ours: Buffer.from(ours), theirs: Buffer.from(theirs) }
  const text = Buffer.from(await mergeManifests(git, id, bytes)).toString("utf8")
  parseManifest(Buffer.from(text), id)
  return text
}

const ci = "agent: ci, group: a"
const deploy = "agent: deploy, group: a"
const BOTH = ["a: {}", "b: {}"]

test.each([
  ["two new lines at one place", [], [ci], [deploy], [ci, deploy]],
  ["the same line on both sides", [], [ci], [ci], [ci]],
  ["a line that one side took away", [ci, deploy], [deploy], [ci, deploy], [deploy]],
  ["taken away here, changed there", [ci], [], [`${ci}, until: "2031-01-01T00:00:00Z"`], []],
  ["changed here, taken away there", [ci], [`${ci}, reason: r`], [], []],
  [
    "two ends",
    [ci],
    [`${ci}, until: "2031-01-01T00:00:00Z"`],
    [`${ci}, until: "2032-01-01T00:00:00Z", reason: r`],
    [`${ci}, until: "2031-01-01T00:00:00Z", reason: r`],
  ],
  [
    "an end that one side took away and the other kept",
    [`${ci}, until: "2031-01-01T00:00:00Z"`],
    [ci],
    [`${ci}, until: "2031-01-01T00:00:00Z"`, deploy],
    [ci, deploy],
  ],
])("grants: %s", async (_what, base, ours, theirs, wanted) => {
  const sides = [base, ours, theirs].map((lines) => manifest(BOTH, lines))
  const text = await merged(sides[0] ?? "", sides[1] ?? "", sides[2] ?? "")
  const { grants } = parseManifest(Buffer.from(text), id)
  const { grants: expected } = parseManifest(Buffer.from(manifest(BOTH, wanted)), id)
  expect([...grants].sort(byAgent)).toEqual([...expected].sort(byAgent))
  expect(text).toContain("# Kept.")
})

test.each([
  ["two new ones", [], ["a: {}"], ["b: {}"], ["a", "b"]],
  ["one that one side dropped", BOTH, ["a: {}"], BOTH, ["a"]],
  ["two descriptions", ["a: {}"], ["a: { description: x }"], ["a: { description: y }"], ["a"]],
])("groups: %s", async (_what, base, ours, theirs, wanted) => {
  const text = await merged(manifest(base, []), manifest(ours, []), manifest(theirs, []))
  expect(Object.keys(parseManifest(Buffer.from(text), id).groups).sort()).toEqual(wanted)
})

test("a group that one side dropped and the other granted stays", async () => {
  const text = await merged(manifest(["a: {}"], []), manifest([], []), manifest(["a: {}"], [ci]))
  expect(parseManifest(Buffer.from(text), id)).toMatchObject({
    groups: { a: {} },
    grants: [{ agent: "ci", group: "a" }],
  })
})

test("comments of both sides are kept", async () => {
  const base = manifest(["a: {}"], [ci])
  const ours = base.replace("  - {", "  # Ours.\n  - {")
  const text = await merged(base, ours, `${base}  # Theirs.\n  - { ${deploy} }\n`)
  expect(text).toMatch(/# Ours\.[^]*# Theirs\./)
})

test("a manifest without an ancestor is one that both sides made", async () => {
  const text = await merged("", manifest(["a: {}"], [ci]), manifest(["a: {}", "b: {}"], [deploy]))
  expect(parseManifest(Buffer.from(text), id).grants).toHaveLength(2)
})

test("one that is not valid is not merged", async () => {
  await expect(merged(manifest([], []), "version: 2\n", manifest([], []))).rejects.toMatchObject({
    code: "MANIFEST_INVALID",
  })
})

function byAgent(a: { agent: string }, b: { agent: string }): number {
  return a.agent < b.agent ? -1 : 1
}
