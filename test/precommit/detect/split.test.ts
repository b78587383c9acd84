import { expect, test } from "vitest"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { expand, Generator } from "./template.js"

const make = (template: string): string => expand(template, new Generator(31))

function found(text: string): string[] {
  return findCredentials(text).map(({ rule, start, end }) => `${rule} ${text.slice(start, end)}`)
}

const [head, tail] = [make("glpat-{base62:10}"), make("{base62:10}")]

test("a token in pieces is found from its first character to its last", () => {
  expect(found(`a = "see ${head}" +\n  "${tail} of ann"\n`)).toEqual([
    `gitlab-pat ${head}" +\n  "${tail}`,
  ])
  expect(found(`a="x${head}" + "${tail}"\n`)).toEqual([])
})

test("several texts in pieces are told apart, and from what is whole", () => {
  const whole = `${head}${tail}`
  const text = `a("${head}" + "${tail}")\nb("https://acme.io/v1/" + "users2")\nc("${whole}")\nd('${head}' . '${tail}')\n`
  expect(found(text)).toEqual([
    `gitlab-pat ${head}" + "${tail}`,
    `gitlab-pat ${whole}`,
    `gitlab-pat ${head}' . '${tail}`,
  ])
  expect(found(`a("${head}" + "")\nb("${tail}" + "x")\n`)).toEqual([])
})

test("a value that only its name gives away counts where an operator joins it", () => {
  const [one, two] = [make("{hex:16}"), make("Q{hex:15}")]
  expect(found(`const apiKey =\n  "${one}" +\n  "${two}"\n`)).toEqual([
    `generic-secret ${one}" +\n  "${two}`,
  ])
  expect(found(`set-key "api_key" "ab2" "cd-${two.slice(1, 4)}"\n`)).toEqual([])
})

test("a value that only its name gives away counts where a call joins it", () => {
  const [one, two] = [make("{hex:16}"), make("Q{hex:15}")]
  expect(found(`const apiKey = ["${one}", "${two}"].join("")\n`)).toEqual([
    `generic-secret ${one}", "${two}`,
  ])
  expect(found(`api_key = "".join(["${one}", "${two}"])\n`)).toEqual([
    `generic-secret ${one}", "${two}`,
  ])
  expect(found(`const token = ["main2", "other-branch-of-3"].join("")\n`)).toEqual([])
  expect(found(`const password = ["see ", "chapter2 of the book"].join("")\n`)).toEqual([])
})

test("a key in pieces is a key", () => {
  const key = make("{age}")
  const text = `"${key.slice(0, 30)}"\n    "${key.slice(30)}"`
  expect(findCredentials(text)).toMatchObject([{ rule: "age-private-key", kind: "private-key" }])
})

test("a variable between, a comma or an empty line ends a text in pieces", () => {
  expect(found(`"${head}" + x + "${tail}"`)).toEqual([])
  expect(found(`"${head}", "${tail}"`)).toEqual([])
  expect(found(`"${head}" +\n\n"${tail}"`)).toEqual([])
})
