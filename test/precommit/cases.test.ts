import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { type Case, prepare } from "./case.js"
import { Repo } from "./repo.js"

// Each folder of cases/ is a commit: case.json says what is staged, expect.json what the guard
// finds, as `path:line rule`, or as `path:line` where any rule will do. docs/guard.md tells how to
// write one.

const folder = join(import.meta.dirname, "cases")
const cases = readdirSync(folder).map((name) => {
  const read = (file: string): unknown =>
    JSON.parse(readFileSync(join(folder, name, file), "utf8")) as unknown
  return { name, spec: read("case.json") as Case, expected: read("expect.json") as string[] }
})

describe("a commit", () => {
  test.each(cases)("$name", async ({ spec, expected }) => {
    const repo = Repo.make()
    try {
      await prepare(repo, spec, 7)
      const { code, found } = await repo.guard()
      const asExpected = found.map((finding, index) => {
        const place = finding.slice(0, finding.lastIndexOf(" "))
        return expected[index] === place ? place : finding
      })
      expect({ code, found: asExpected }).toEqual({
        code: expected.length > 0 ? 1 : 0,
        found: expected,
      })
    } finally {
      repo.remove()
    }
  })
})

test("there are as many commits that must pass as that must be stopped", () => {
  const stopped = cases.filter(({ expected }) => expected.length > 0).length
  expect(Math.abs(cases.length - 2 * stopped)).toBeLessThanOrEqual(cases.length / 10)
})
