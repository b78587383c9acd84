import { expect, test } from "vitest"
import {
  editManifest,
  newManifest,
  parseManifest,
  withComment,
} from "../../../src/core/records/manifest.js"

const vault = `a${"0".repeat(31)}`
const text = newManifest(vault).replace("groups:", "groups:\n  g: {}")
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

test("so with a group, in a new manifest and once the last is gone", () => {
  const made = newManifest(vault)
  const groupsOf = (of: string) => parseManifest(Buffer.from(of), vault).groups
  expect(groupsOf(made)).toEqual({})
  expect(groupsOf(made.replace("groups:\n", "groups:\n  g: {}\n"))).toEqual({ g: {} })
  const change = (of: string, ...edits: Parameters<typeof editManifest>[2]) =>
    Buffer.from(editManifest(Buffer.from(of), vault, edits)).toString("utf8")
  const one = change(made, { do: "add-group", group: "g" })
  expect(one).toContain("groups:\n  g: {}\n")
  expect(change(one, { do: "drop-group", group: "g" })).toBe(made)
  expect(change(made.replace("groups:", "groups: {}"), { do: "add-group", group: "g" })).toBe(one)
  const said = made.replace("groups:\n", "groups:\n  # none yet\n")
  expect(change(said, { do: "add-group", group: "g" })).toContain("# none yet")
})

test.each([
  ["groups:", "groups: {}", "  g: {}\n"],
  ["grants:", "grants: []", "  - { agent: ci, group: g }\n"],
])("what stands below %j says what to write", (nothing, whole, line) => {
  const below = newManifest(vault).replace(`${nothing}\n`, `${whole}\n${line}`)
  expect(() => grantsOf(below)).toThrow(`write \`${nothing}\``)
})

test.each(["groups: []", "groups: ''", "groups: false"])("%j is no map", (line) => {
  expect(() => grantsOf(newManifest(vault).replace("groups:", line))).toThrow("is not valid")
})

test.each(["grants: ''", "grants: {}", "grants: false", "grants: 0", ""])(
  "%j is no list",
  (line) => {
    expect(() => grantsOf(text.replace("grants:", line))).toThrow("is not valid")
  },
)
