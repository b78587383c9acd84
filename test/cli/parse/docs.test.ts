import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { pages, withParts } from "../../../scripts/docs.mjs"
import { type ErrorCode, VaultError } from "../../../src/core/index.js"
import { parseFully } from "../../../src/cli/parse/yargs.js"
import { COMMANDS } from "../../../src/cli/parse/table.js"

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), "utf8")

test.each(pages)("%s is as the tables have it: npm run docs", async (page) => {
  const text = read(page)
  expect(await withParts(page, text)).toBe(text)
})

describe("docs/cli.md", () => {
  const examples = COMMANDS.flatMap(({ name, examples: own }) =>
    own.map(([command]) => ({ name, command })),
  )
  test.each(examples)("$command is understood", ({ name, command }) => {
    const [, words = ""] = /\bagent-vault ([^|)]*)/.exec(command) ?? []
    expect(parseFully(words.trim().match(/'[^']*'|\S+/g) ?? []).command).toBe(name)
  })
})

test("docs/errors.md has every code, with its exit code, and no other", () => {
  const rows = read("docs/errors.md").matchAll(/^\| `([A-Z_]+)` +\| (\d+) /gm)
  const documented = [...rows].map(([, code, exit]) => ({ code, exit: Number(exit) }))
  const codes = [...read("src/core/words/errors.ts").matchAll(/^ {2}([A-Z_]+): \d+,$/gm)].map(
    ([, code]) => code as ErrorCode,
  )
  expect(codes).not.toEqual([])
  expect(documented).toEqual(
    codes.map((code) => ({ code, exit: new VaultError(code, "").exitCode })),
  )
})
