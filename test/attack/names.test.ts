import { expect, test } from "vitest"
import { type VaultFile, classify } from "../../src/core/words/layout.js"
import { parseAgentName, parseGroupName, parseSecretName } from "../../src/core/words/names.js"

// Names that mean something to a file system, a shell, Git or a terminal are no names here, and a
// file that is called so has no place in a vault.

const HOSTILE_NAMES = [
  "",
  ".",
  "..",
  "../x",
  "a/../b",
  "a//b",
  "/etc/passwd",
  "a/",
  "/a",
  "a\\b",
  "-rf",
  "--upload-pack=x",
  ":(glob)x",
  "a b",
  "a\nb",
  "a\0b",
  "a\u202eb",
  "é",
  "e\u0301",
  "ａ",
  "CON",
  "con.txt",
  "aux",
  "NUL",
  "COM1",
  "lpt9.age",
  "a.",
  "a ",
  "x".repeat(65),
  "__proto__",
  "~",
  "$HOME",
  "*",
]

test.each(HOSTILE_NAMES)("%j is no name of anything", (name) => {
  for (const parse of [parseAgentName, parseGroupName, (text: string) => parseSecretName(text)]) {
    expect(() => parse(name)).toThrow(/not a valid|names no secret/)
  }
  expect(() => parseSecretName(`group/${name}`)).toThrow(/not a valid/)
  expect(() => parseSecretName(`${name}/name`)).toThrow(/not a valid/)
  const files: VaultFile["is"][] = [`agents/${name}.json`, `secrets/g/${name}.age`].map(
    (path) => classify(path).is,
  )
  expect(files).toEqual(["stray", "stray"])
})

test.each(["x.past", "x.PAST", "a/b.json/c", "a/b.AGE/c", "a/b/c/d/e/f"])("nor is %j", (name) => {
  expect(() => (name.includes("/") ? parseSecretName(name) : parseGroupName(name))).toThrow(
    /not a valid|ends in .past/,
  )
})
