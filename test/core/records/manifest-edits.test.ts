import { expect, test } from "vitest"
import {
  editManifest,
  newManifest,
  parseManifest,
  withComment,
} from "../../../src/core/records/manifest.js"

const vault = `a${"0".repeat(31)}`
const text = newManifest(vault).replace("groups: {}", "groups:\n  g: {}")
const grant = { agent: "ci", group: "g" }
const put = { do: "put-grant", grant } as const
const drop = { do: "drop-grant", ...grant } as const

function after(before: string, ...edits: readonly (typeof put | typeof drop)[]): string {
  return Buffer.from(editManifest(Buffer.from(before), vault, edits)).toString("utf8")
}

function grantsOf(of: string): unknown {
  return parseManifest(Buffer.from(of), vault).grants
}

test("a line can be added at the end of a new manifest, by hand", () => {
  expect(grantsOf(text)).toEqual([])
  expect(grantsOf(`${text}  - { agent: ci, group: g }\n`)).toEqual([grant])
})

test("the same once the last grant is gone", () => {
  const full = after(text, put)
  expect(grantsOf(full)).toEqual([grant])
  expect(after(full, drop)).toBe(text)
  expect(after(text.replace("grants:", "grants: []"), put)).toBe(full)
})

test("comments stay where there are no grants", () => {
  const said = Buffer.from(withComment(Buffer.from(text), vault, "who asked")).toString("utf8")
  const full = after(said, put)
  expect(full).toContain("# who asked")
  const empty = after(full, drop)
  expect(empty).toContain("# who asked")
  expect(grantsOf(empty)).toEqual([])
})

test.each(["grants: ''", "grants: {}", "grants: false", "grants: 0", ""])(
  "%j is no list",
  (line) => {
    expect(() => grantsOf(text.replace("grants:", line))).toThrow("is not valid")
  },
)
