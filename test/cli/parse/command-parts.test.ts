import { expect, test } from "vitest"
import { commandParts } from "../../../src/cli/parse/command-parts.js"
import { helpAsked } from "../../../src/cli/parse/help.js"
import { COMMANDS } from "../../../src/cli/parse/table.js"

test("each command stands in one part of the help, and each part has some", () => {
  const parts = commandParts()
  const names = parts.flatMap(([, specs]) => specs.map(({ name }) => name))
  expect(names.toSorted()).toEqual(COMMANDS.map(({ name }) => name).toSorted())
  expect(parts.filter(([, specs]) => specs.length === 0)).toEqual([])
})

test("the help has the parts, with all summaries at one column", () => {
  const lines = (helpAsked(["help"], 100) ?? "").split("\n")
  for (const [title, [first]] of commandParts()) {
    const at = lines.indexOf(title)
    expect(lines[at - 1], title).toBe("")
    expect(lines[at + 1], title).toMatch(new RegExp(`^  ${first?.name ?? ""} +\\S`))
  }
  const columns = lines.flatMap((line) =>
    (/^ {2}\S.*? {2,}(?=\S)/.exec(line) ?? []).map(({ length }) => length),
  )
  expect(columns.length).toBe(COMMANDS.length)
  expect(new Set(columns).size).toBe(1)
})
