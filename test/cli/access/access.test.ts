import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { beside, picture, testInBrowser } from "../../browser.js"
import { Machine, vaultMachine } from "../machine.js"
import { VALUE, busyMachine } from "./access-machine.js"

let machine: Machine
let empty: Machine
let file: string

beforeAll(async () => {
  machine = await busyMachine()
  empty = new Machine()
  await empty.call(["init", "--name", "alice"])
  file = join(machine.home, "access.html")
})
afterAll(() => [machine, empty].forEach((each) => each.remove()))

async function written(): Promise<string> {
  const { code, stderr } = await machine.call(["access", "--html", file])
  expect([code, stderr]).toEqual([0, expect.stringContaining("It holds names, and no value")])
  return readFileSync(file, "utf8")
}

describe("access", () => {
  test("is a table of who opens what, and what needs attention", async () => {
    const { stdout, stderr, code } = await machine.call(["access"])
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout).toMatch(/^alice \(owner\) {2}everything +4/m)
    expect(stdout).toMatch(/^ci +stripe +2 +open +api\.stripe\.com/m)
    expect(stdout).toMatch(/^deploy +db +1 +\S+Z +open, ends soon$/m)
    expect(stdout).toMatch(/^deploy +stripe +2 +pending: to be granted/m)
    expect(stdout).toMatch(/^reporter +nothing$/m)
    expect(stdout).toContain("+ deploy gains access (<img src=x")
    expect(stdout).toMatch(/^Exposed: .*\n {2}mail\/smtp {2}to reporter$/m)
    expect(stdout).toMatch(/^ {2}stripe\/webhook {2}\S+Z \(in 12 days\)$/m)
    expect(stdout).not.toContain(VALUE)
  })

  test("shows a grant that ended as ended, and a damaged manifest as what it is", async () => {
    const copy = machine.copy()
    try {
      await copy.call(["grant", "ci", "mail", "--until", "2020-01-01"])
      const manifest = join(copy.repo, ".agent-vault", "manifest.yaml")
      writeFileSync(manifest, "version: 2\n")
      const { stdout, code } = await copy.call(["access"])
      expect(code).toBe(0)
      expect(stdout).toContain("No wishes are shown: ")
      expect(stdout).toMatch(/^ci +stripe +2 +open/m)
    } finally {
      copy.remove()
    }
  })

  test("refuses to show what does not verify", async () => {
    const copy = machine.copy()
    try {
      const record = join(copy.repo, ".agent-vault", "groups", "db.json")
      writeFileSync(record, readFileSync(record, "utf8").replace('"epoch": 1', '"epoch": 9'))
      const { stdout, stderr, code } = await copy.call(["access"])
      expect([code, stdout]).toEqual([5, ""])
      expect(stderr).toContain("SIGNATURE_INVALID")
    } finally {
      copy.remove()
    }
  })

  test("says what comes next in a new vault", async () => {
    const { stdout, stderr } = await empty.call(["access"])
    expect(stdout).toMatch(/^alice \(owner\) {2}everything +0$/m)
    expect(stderr).toBe("There are no agents yet. Next: agent-vault agent add NAME\n")
    const page = join(empty.home, "empty.html")
    await empty.call(["access", "--html", page])
    expect(readFileSync(page, "utf8")).toContain("There are no agents yet")
  })

  test("is a picture in Mermaid, in which nothing of the repository means anything", async () => {
    const { stdout } = await machine.call(["access", "--mermaid"])
    const lines = stdout.trimEnd().split("\n")
    expect([lines[0], lines[1], lines.at(-1)]).toEqual(["```mermaid", "flowchart LR", "```"])
    expect(stdout).toContain('a0(["ci"])')
    expect(stdout).toMatch(/a0 --> g\d/)
    expect(stdout).toMatch(/a1 -\.->\|"pending"\| g\d/)
    expect(stdout).toMatch(/\{\{"api\.stripe\.com"\}\}/)
    expect(stdout).not.toContain("<img")
  })

  test("takes one form at a time", async () => {
    const { code, stderr } = await machine.call(["access", "--json", "--mermaid"])
    expect([code, stderr]).toEqual([2, expect.stringContaining("give one of them")])
  })
})

describe("the page", () => {
  test("has no value, and nothing that it loads or that runs", async () => {
    const page = await written()
    expect(page).not.toContain(VALUE)
    expect(page).not.toMatch(/<script|<img|<link|<iframe|https?:|@import|url\(/)
    expect(page).toContain("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;")
    expect(page).toMatch(/content="default-src &#39;none&#39;; style-src &#39;sha256-/)
  })

  test("replaces an earlier one, and no other file", async () => {
    await written()
    await written()
    const other = join(machine.home, "index.html")
    writeFileSync(other, "<h1>mine</h1>")
    const { code, stderr } = await machine.call(["access", "--html", other])
    expect([code, stderr]).toEqual([2, expect.stringContaining("is not a page of agent-vault")])
    expect(readFileSync(other, "utf8")).toBe("<h1>mine</h1>")
  })

  testInBrowser("is told by its structure, in Chromium", async (open) => {
    await written()
    const { tab, problems, requests } = await open()
    const url = pathToFileURL(file).href
    await tab.goto(url)
    const tree = await tab.locator("body").ariaSnapshot()
    expect(tree).toContain('heading "Who may open what" [level=1]')
    expect(tree).toMatch(/columnheader "stripe 2 secrets/)
    expect(tree).toMatch(/row "ci .*opens/)
    expect(tree).toMatch(/region "Secrets/)
    expect(await tab.evaluate("document.querySelectorAll('img, script').length")).toBe(0)
    expect(problems).toEqual([])
    expect(requests).toEqual([url])
  })

  for (const [name, colorScheme, width] of [
    ["light", "light", 1200],
    ["dark", "dark", 1200],
    ["narrow", "light", 390],
    ["narrow-dark", "dark", 390],
  ] as const) {
    testInBrowser(`fits, ${name}, in Chromium`, async (open) => {
      await written()
      const { tab } = await open({ colorScheme, viewport: { width, height: 900 } })
      await tab.goto(pathToFileURL(file).href)
      await picture(tab, `access-${name}`)
      const overflow = "document.documentElement.scrollWidth > innerWidth"
      expect(await tab.evaluate(overflow)).toBe(false)
      const paper = await tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
      expect(paper).toBe(colorScheme === "dark" ? "rgb(21, 23, 26)" : "rgb(251, 251, 250)")
    })
  }

  testInBrowser("prints without what is for a screen, by day", async (open) => {
    await written()
    const { tab } = await open({ colorScheme: "dark" })
    await tab.goto(pathToFileURL(file).href)
    await tab.emulateMedia({ media: "print" })
    expect(await tab.locator("nav").isVisible()).toBe(false)
    const paper = await tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    expect(paper).toBe("rgb(255, 255, 255)")
    await tab.pdf({ path: beside("access.pdf"), format: "A4" })
    await picture(tab, "access-print")
  })
})

test("a vault of many agents and groups is one page still", async () => {
  const many = await vaultMachine()
  try {
    for (let at = 0; at < 12; at += 1) {
      await many.call(["agent", "add", `agent-${at}`])
      await many.call(["set", `group-${at}/a-secret-with-a-long-name-${at}`], "v")
      await many.call(["grant", `agent-${at}`, `group-${at}`])
    }
    const page = join(many.home, "many.html")
    expect((await many.call(["access", "--html", page])).code).toBe(0)
    expect(
      readFileSync(page, "utf8").match(/<span class="state open">opens<\/span>/g),
    ).toHaveLength(13)
  } finally {
    many.remove()
  }
})
