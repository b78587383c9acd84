// What a page links is there: the file, and the heading within it. And the README leads to each page.
import { existsSync, readFileSync, readdirSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { expect, test } from "vitest"
import { root } from "../package/pack.js"

const FOLDERS = [".", "docs", "docs/decisions", "challenge", "examples", "sdk-python-bridge"]
const PAGES = FOLDERS.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name)),
)
// Code may show what looks like a link.
const CODE = /^```[\s\S]*?^```|`[^`\n]*`/gm
const LINK = /\]\(([^)\s]+)(?: "[^"]*")?\)/g
const ELSEWHERE = /^[a-z]+:/

/** The files and headings of this project that a page links, as paths from its root. */
function linksOf(page: string, text: string): { to: string; heading: string }[] {
  return [...text.replaceAll(CODE, "").matchAll(LINK)]
    .map(([, target = ""]) => target)
    .filter((target) => !ELSEWHERE.test(target))
    .map((target) => {
      const [path = "", heading = ""] = target.split("#")
      return { to: path === "" ? page : join(dirname(page), path), heading }
    })
}

/** The anchors that GitHub makes of a page's headings. */
function anchorsOf(text: string): Set<string> {
  const headings = text.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.+)$/gm)
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading
        .replaceAll(/\]\([^)]*\)/g, "")
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  )
}

function isThere({ to, heading }: { to: string; heading: string }): boolean {
  const path = join(root, to)
  if (!existsSync(path)) return false
  return heading === "" || !to.endsWith(".md") || anchorsOf(readFileSync(path, "utf8")).has(heading)
}

function deadLinksOf(page: string, text: string): string[] {
  return linksOf(page, text)
    .filter((link) => !isThere(link))
    .map(({ to, heading }) => `${to}#${heading}`)
}

test.each(PAGES)("%s links what is there", (page) => {
  expect(deadLinksOf(page, readFileSync(join(root, page), "utf8"))).toEqual([])
})

test("a link to a page or a heading that is gone is found", () => {
  const text =
    "[a](broker.md#rules) [b](gone.md) [c](broker.md#gone) `[d](gone.md)` [e](https://x.y)"
  expect(deadLinksOf("docs/mcp.md", text)).toEqual(["docs/gone.md#", "docs/broker.md#gone"])
})

test("the README leads to each page of docs", () => {
  const linked = linksOf("README.md", readFileSync(join(root, "README.md"), "utf8"))
  const reached = new Set(linked.map(({ to }) => relative(".", to)))
  const pages = PAGES.filter((page) => dirname(page) === "docs")
  expect(pages.filter((page) => !reached.has(page))).toEqual([])
})
