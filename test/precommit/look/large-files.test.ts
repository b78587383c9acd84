import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import type { OwnHit } from "../../../src/precommit/look/finding-of.js"
import { scanBytes } from "../../../src/precommit/look/scan.js"
import { bundle } from "../hooked.js"
import { passwordLine, pemKey, randomPassword } from "../keys.js"
import { Repo } from "../repo.js"

const MIB = 1024 * 1024
const SIZE = 12 * MIB
/** Where the second look at a large file begins, where its findings do, and where the first ends. */
const BORDERS = { next: 6.5 * MIB, counted: 7 * MIB, end: 8 * MIB }

const LINE = "a line of text\n"

/** Lines of text around what stands at offsets in bytes, so that its middle is there. */
function textAround(inserted: readonly { readonly at: number; readonly text: string }[]): string {
  let text = ""
  for (const { at, text: one } of inserted) {
    const wanted = Math.floor(at - Buffer.byteLength(one) / 2) - text.length
    text += LINE.repeat(Math.floor(wanted / LINE.length) - 1)
    text += `${"-".repeat(wanted % LINE.length)}${LINE}${one}`
  }
  return `${text}${LINE.repeat(Math.max(0, Math.floor((SIZE - text.length) / LINE.length)))}`
}

/** The line and the column of a text in another one. */
function placeOf(text: string, found: string): { line: number; column: number } {
  const before = text.slice(0, text.indexOf(found)).split("\n")
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 }
}

function placesIn(text: string, found: readonly string[]) {
  return found.map((each) => ({ text: each, ...placeOf(text, each) }))
}

function findingsIn(path: string, text: string | Buffer, own?: (bytes: Uint8Array) => OwnHit[]) {
  const { findings } = scanBytes(path, Buffer.from(text), own === undefined ? {} : { own })
  return findings.map(({ text: found, line, column }) => ({ text: found, line, column }))
}

interface InFile {
  readonly path: string
  readonly line: number
  readonly column: number
}

function byPlace(a: InFile, b: InFile): number {
  return a.path.localeCompare(b.path) || a.line - b.line
}

function tableRow(id: number, value = "none"): string {
  return `${id},user${id},${value}\n`
}

function allowed(value: string): string {
  return `# agent-vault: allow generic-password of a demo\npassword = "${value}"\n`
}

/** Ways to give a value, whose name is far enough from it for a border between them. */
const CONTEXTS: Readonly<Record<string, (value: string) => string>> = {
  "a.json": (value) => `"database": {\n    "password":\n        "${value}"\n},\n`,
  "a.yaml": (value) => `database:\n  password: >-\n    ${value}\n`,
  "a.tf": (value) => `{ name = "password", type = "string",\n  value = "${value}" }\n`,
  ".env": (value) => `export DATABASE_PASSWORD=${value}\n`,
}

describe("in a repository", () => {
  let repo: Repo
  beforeAll(() => (repo = Repo.make()))
  afterAll(() => repo.remove())

  test("what stands on a border and at the end of a file of 12 MB is found once, in its place", async () => {
    const values = Object.keys(CONTEXTS).map(() => Array.from({ length: 4 }, randomPassword))
    const files = Object.entries(CONTEXTS).map(([path, context], index) => {
      const [one = "", two = "", three = "", four = ""] = values[index] ?? []
      const around = textAround([
        { at: BORDERS.next, text: context(one) },
        { at: BORDERS.counted, text: context(two) },
        { at: BORDERS.end, text: context(three) },
      ])
      return [path, `${around}${context(four).trimEnd()}`] as const
    })
    repo.stage(Object.fromEntries(files))
    const { findings } = JSON.parse((await repo.run("json")).stdout) as {
      findings: readonly InFile[]
    }
    const places = findings.map(({ path, line, column }) => ({ path, line, column }))
    const expected = files.flatMap(([path, text], index) =>
      (values[index] ?? []).map((value) => ({ path, ...placeOf(text, value) })),
    )
    expect(places.toSorted(byPlace)).toEqual(expected.toSorted(byPlace))
  })

  test("entries allow what they name, and what the version before had is not new", async () => {
    const old = randomPassword()
    repo.git("rm", "-r", "-q", "--cached", ".")
    const base = textAround([{ at: BORDERS.counted, text: `password = "${old}"\n` }])
    repo.stage({ "dump.txt": base })
    const { stdout: entries } = await repo.run("fingerprints")
    const reasoned = entries.replace(/reason: $/gm, "reason: of a demo")
    repo.stage({ ".agent-vault-guard.yaml": reasoned })
    expect((await repo.guard()).found).toEqual([])
    repo.git("rm", "-q", "-f", ".agent-vault-guard.yaml")
    repo.commit()
    const line = passwordLine()
    const changed = `a new line\n${base}${line}`
    repo.stage({ "dump.txt": changed })
    const found = [`dump.txt:${placeOf(changed, line).line} generic-password`]
    expect((await repo.guard()).found).toEqual(found)
    expect((await repo.run("people")).stderr).not.toContain("note")
  })

  test("a file of one line of 50 MB", async () => {
    const at = [7 * MIB - 3, 8 * MIB, 23 * MIB, 49 * MIB]
    const values = at.map(randomPassword)
    let text = "[0"
    for (const [index, offset] of at.entries()) {
      const filler = ",1234567".repeat(Math.floor((offset - text.length) / 8))
      text += `${filler},{"password":"${values[index] ?? ""}"}`
    }
    text += ",1234567".repeat((50 * MIB - text.length) / 8)
    repo.commit()
    repo.stage({ "one.json": `${text}]` })
    const { findings } = JSON.parse((await repo.run("json")).stdout) as {
      findings: readonly InFile[]
    }
    const places = findings.map(({ line, column }) => ({ line, column }))
    expect(places).toEqual(values.map((value) => ({ line: 1, column: text.indexOf(value) + 1 })))
  })
})

test.each(Object.values(BORDERS))("a private key across the byte %i", (at) => {
  const key = pemKey()
  const found = findingsIn("a.txt", textAround([{ at, text: key }]))
  expect(found.map(({ text }) => text)).toEqual([key.trimEnd()])
})

test("characters of more bytes, cut by a border, in a text with its mark", () => {
  const value = randomPassword()
  const odd = `${"é".repeat(200_001)}💥`.repeat(25)
  const text = `${odd} password = "${value}"\n`
  const expected = placesIn(text, [value])
  expect(findingsIn("a.txt", text)).toEqual(expected)
  expect(findingsIn("a.txt", `\ufeff${text}`)).toEqual(expected)
})

test("UTF-16, in which half as many characters are in a piece", () => {
  const values = [randomPassword(), randomPassword()]
  const [one = "", two = ""] = values
  const text = textAround([
    { at: BORDERS.counted / 2, text: `password = "${one}"\n` },
    { at: BORDERS.end / 2, text: `password = "${two}"\n` },
  ])
  const little = Buffer.from(`\ufeff${text}`, "utf16le")
  expect(findingsIn("a.txt", little)).toEqual(placesIn(text, values))
  expect(findingsIn("a.txt", Buffer.from(little).swap16())).toEqual(placesIn(text, values))
})

test("keys in a large binary file, and in another text within it", () => {
  const [narrow, wide] = [pemKey(), pemKey()]
  const bytes = Buffer.concat([
    Buffer.alloc(BORDERS.counted - 50, "\0\x01"),
    Buffer.from(`\n${narrow}`),
    Buffer.alloc(MIB - 300, "\x01"),
    Buffer.from(wide, "utf16le"),
    Buffer.from(passwordLine()),
  ])
  const found = findingsIn("a.bin", bytes).map(({ text }) => text)
  expect(found).toEqual([narrow.trimEnd(), wide.trimEnd()])
})

test("own values, in whatever piece they lie", () => {
  const value = "not-A-real-value-of-a-vault"
  const find = (bytes: Uint8Array): OwnHit[] => {
    const hits: OwnHit[] = []
    const text = Buffer.from(bytes)
    for (let at = text.indexOf(value); at !== -1; at = text.indexOf(value, at + 1)) {
      hits.push({ secret: "a/b", start: at, end: at + value.length })
    }
    return hits
  }
  const text = textAround(Object.values(BORDERS).map((at) => ({ at, text: `ä ${value}\n` })))
  const found = findingsIn("a.txt", text, find)
  expect(found.map(({ column }) => column)).toEqual([3, 3, 3])
  expect(new Set(found.map(({ line }) => line)).size).toBe(3)
})

test("rows of a table whose head is in the first piece", () => {
  const values = Array.from({ length: 3 }, randomPassword)
  const rows = Array.from({ length: 700_000 }, (_, id) => tableRow(id))
  for (const [index, value] of values.entries()) rows[(index + 1) * 230_000] = tableRow(7, value)
  const text = `id,name,password\n${rows.join("")}`
  expect(text.length).toBeGreaterThan(SIZE)
  expect(findingsIn("a.csv", text)).toEqual(placesIn(text, values))
})

test("names say nothing in a later piece of a file that a tool wrote", () => {
  const end = Array.from({ length: 20 }, passwordLine).join("")
  expect(findingsIn("a.txt", `$ANSIBLE_VAULT;1.1;AES256\n${LINE.repeat(SIZE / 15)}${end}`)).toEqual(
    [],
  )
  expect(
    findingsIn("a.txt", `${LINE.repeat(SIZE / 15)}$ANSIBLE_VAULT;1.1;AES256\n${end}`),
  ).toHaveLength(20)
})

test("a comment across a border allows its line, and on a line that is cut none", () => {
  const inserted = Object.values(BORDERS).map((at) => ({ at, text: allowed(randomPassword()) }))
  const { findings, allowed: count, stale } = scanBytes("a", Buffer.from(textAround(inserted)), {})
  expect({ findings, count: count.length, stale }).toEqual({ findings: [], count: 3, stale: [] })

  const long = `${"x ".repeat(4 * MIB)}${allowed(randomPassword()).replace("\n", " ")}`
  const cut = scanBytes("a", Buffer.from(long.replaceAll("\n", "").repeat(2)), {})
  expect([cut.findings.length, cut.allowed.length]).toEqual([2, 0])
})

test("a finding in each piece keeps none of them in memory", () => {
  const repo = Repo.make()
  onTestFinished(() => repo.remove())
  const value = randomPassword()
  const text = `…${LINE.repeat(MIB / 15)}password = "${value}"\n`.repeat(200)
  const program = join(bundle, "cli", "bin.cjs")
  repo.write("dump.txt", text)
  const args = ["--max-old-space-size=150", program, "guard", "dump.txt"]
  const options = { cwd: repo.top, encoding: "utf8" as const }
  const { status, stderr } = spawnSync(process.execPath, args, options)
  expect(stderr).toContain("200 findings")
  expect(status).toBe(1)
})
