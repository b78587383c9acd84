// Each promise of the threat model links a test that attacks it: the link's title is the test's.
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, test } from "vitest"
import { root } from "../package/pack.js"

const PAGE = "docs/threat-model.md"
const LINK = /\[([^\]]+)\]\((\.\.\/[^\s)]+)(?: "([^"]+)")?\)/g

/** What the section "What is promised" holds: its paragraphs, items and rows, as they stand. */
function promises(): string[] {
  const page = readFileSync(join(root, PAGE), "utf8")
  const [, section = ""] = /\n## What is promised\n([\s\S]*?)\n## /.exec(page) ?? []
  return section
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .filter((line) => !line.startsWith("|") || (isRow(line) && !/^\| -+ /.test(line)))
}

function isRow(line: string): boolean {
  return line.startsWith("| ") && !line.startsWith("| they ")
}

interface Link {
  readonly label: string
  readonly file: string
  readonly title: string
}

function linksIn(text: string): Link[] {
  return [...text.matchAll(LINK)].map(([, label = "", file = "", title = ""]) => ({
    label,
    file: join(dirname(PAGE), file),
    title,
  }))
}

/** Whether a file of tests has one of this title, in TypeScript or in Python. */
function holdsTest({ file, title }: Link): boolean {
  const text = readFileSync(join(root, file), "utf8")
  if (file.endsWith(".py")) return text.includes(`def ${title}(`)
  return ['"', "'", "`"].some((quote) => text.includes(`${quote}${title}${quote}`))
}

test("there are promises", () => {
  expect(promises().length).toBeGreaterThan(25)
})

describe("the promise", () => {
  test.each(promises())("%s", (promise) => {
    const links = linksIn(promise)
    const tests = links.filter(({ file }) => file.startsWith("test/") || file.includes("/tests/"))
    expect(tests.filter(({ title }) => title === "")).toEqual([])
    expect(tests.filter((link) => !holdsTest(link))).toEqual([])
    expect(tests.length).toBeGreaterThan(0)
  })
})

test("a link to a test that is gone is found", () => {
  const [link] = linksIn('([forgery](../test/attack/forgery.test.ts "no such test"))')
  expect(link && holdsTest(link)).toBe(false)
})
