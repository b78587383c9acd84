import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { limitOf } from "../../../src/core/words/layout.js"
import { LIMITS, mebibytes } from "../../../src/core/words/limits.js"

test.each([
  ["manifest.yaml", LIMITS.manifest],
  ["vault.json", LIMITS.record],
  ["agents/ci.json", LIMITS.record],
  ["groups/stripe.json", LIMITS.record],
  ["secrets/stripe/api-key.json", LIMITS.record],
  ["agents/ci.age", LIMITS.sealedKey],
  ["groups/stripe.age", LIMITS.sealedKey],
  ["groups/stripe.past.age", LIMITS.sealedKey],
  ["secrets/stripe/api-key.age", LIMITS.sealed],
  ["secrets/stripe/deep/key.age", LIMITS.sealed],
])("%s has its own limit", (path, limit) => {
  expect(limitOf(path)).toBe(limit)
})

test("the limits are those of docs/format.md", () => {
  const page = readFileSync(new URL("../../../docs/format.md", import.meta.url), "utf8")
  const [, section = ""] = page.split("## 10. Limits")
  const said = (start: string): string | undefined =>
    section
      .split("\n")
      .find((line) => line.startsWith(`| ${start}`))
      ?.split("|")[2]
      ?.trim()
  expect(said("a record's file")).toContain(mebibytes(LIMITS.record))
  expect(said("`manifest.yaml`")).toBe(mebibytes(LIMITS.manifest))
  expect(said("a value")).toBe(mebibytes(LIMITS.value))
  expect(said("a sealed value")).toBe(mebibytes(LIMITS.sealed))
  expect(said("`groups/*.age`")).toBe(mebibytes(LIMITS.sealedKey))
  expect(said("a key file")).toBe(`${LIMITS.keyFile / 2 ** 10} KiB`)
})
