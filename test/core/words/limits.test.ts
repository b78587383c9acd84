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
  const page = textOf("docs/format.md")
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
  expect(said("groups, grants in `manifest.yaml`")).toBe(
    `${count(LIMITS.manifestGroups)} groups, ${count(LIMITS.manifestGrants)} grants`,
  )
})

test("where else a limit is told, it is the same", () => {
  const value = `has more than ${mebibytes(LIMITS.value)}`
  expect(textOf("docs/errors.md")).toContain(`a value ${value} `)
  expect(textOf("sdk-python-bridge/agent_vault/errors.py")).toContain(`A value ${value}.`)
  const notes = /(?:"maxLength": |at most )(\d+)(?: characters|,\n)/g
  for (const schema of [
    ".vault-manifest.schema.json",
    "src/core/records/schemas/secret.schema.json",
  ]) {
    const told = [...textOf(schema).matchAll(notes)].map(([, characters]) => Number(characters))
    expect(told.length).toBeGreaterThan(0)
    expect(new Set(told)).toEqual(new Set([LIMITS.note]))
  }
})

test("each limit says what it limits", () => {
  const rows = textOf("src/core/words/limits.ts").split("export const LIMITS")[1]?.split("\n") ?? []
  const undocumented = rows.filter(
    (row, at) => /^ {2}\w+: /.test(row) && !(rows[at - 1] ?? "").endsWith("*/"),
  )
  expect(undocumented).toEqual([])
})

function count(number: number): string {
  return number.toLocaleString("en-US")
}

function textOf(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8")
}
