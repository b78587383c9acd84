import { spawnSync } from "node:child_process"
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Rules of this house, which a file that breaks none must not break. */
const HOUSE = /^house|max-lines/

describe("the linter refuses", () => {
  /** Files that break one rule each, and the rule. A file whose rule is empty breaks none. */
  const planted: readonly (readonly [file: string, code: string, rule: string])[] = [
    // Who may import whom.
    ["src/core/a.ts", 'import "../cli/bin.js"', "house(imports)"],
    ["src/core/b.ts", 'import "../mcp/serve.js"', "house(imports)"],
    ["src/core/c.ts", 'export * from "../precommit/run-guard.js"', "house(imports)"],
    ["src/core/d.ts", 'await import("../cli/render.js")', "house(imports)"],
    ["src/core/e.ts", 'import "node:readline/promises"', "house(imports)"],
    ["src/core/f.ts", 'import "node:tty"', "house(imports)"],
    ["src/core/g.ts", 'import "node:process"', "house(imports)"],
    ["src/core/h.ts", 'import "yargs"', "house(imports)"],
    ["src/core/i.ts", 'export type A = import("../cli/render.js").A', "house(imports)"],
    ["src/core/j.ts", 'import "../../test/setup.js"', "house(imports)"],
    ["src/cli/a.ts", 'import "../core/age/age.js"', "house(imports)"],
    ["src/cli/b.ts", 'import "../mcp/serve.js"', "house(imports)"],
    ["src/cli/m.ts", 'import "jsonc-parser"', "house(imports)"],
    ["src/cli/n.ts", 'import "smol-toml"', "house(imports)"],
    ["src/cli/o.ts", 'import "node:child_process"', "house(imports)"],
    ["src/cli/commands/c.ts", 'import "../../precommit/run-guard.js"', "house(imports)"],
    ["src/mcp/a.ts", 'import "../cli/render.js"', "house(imports)"],
    ["src/mcp/b.ts", 'import "../precommit/run-guard.js"', "house(imports)"],
    ["src/precommit/a.ts", 'import "../cli/render.js"', "house(imports)"],
    ["src/precommit/b.ts", 'import "../core/git/git.js"', "house(imports)"],
    ["src/precommit/uses-guard.ts", 'import "../core/guard.js"\nimport "../core/owner.js"', ""],
    ["src/cli/g.ts", 'import "../core/guard.js"', "house(imports)"],
    ["src/cli/bin.ts", 'import "../mcp/serve.js"', "house(imports)"],
    ["src/cli/uses-faces.ts", 'import "../core/index.js"\nimport "../core/owner.js"', ""],
    ["src/cli/commands/bin.ts", 'import "../door/render.js"', ""],
    ["src/mcp/serve.ts", 'import "../core/index.js"', ""],
    ["src/questions/a.ts", 'import "../cli/bin.js"', "house(imports)"],
    ["src/questions/b.ts", 'import "../core/words/errors.js"', "house(imports)"],
    ["src/page/a.ts", 'import "../questions/question.js"', "house(imports)"],
    ["src/questions/uses-page.ts", 'import "../page/html.js"\nimport "../core/index.js"', ""],
    ["src/mcp/uses-questions.ts", 'import "../questions/question.js"', ""],
    ["src/precommit/c.ts", 'import "../questions/question.js"', "house(imports)"],
    ["src/cli/e.ts", 'const name = "./" + "render.js"\nawait import(name)', "house(imports)"],
    ["src/cli/r.ts", 'import a = require("../mcp/serve.js")\nvoid a', "house(imports)"],
    ["src/cli/s.ts", 'export const a: unknown = require("../mcp/serve.js")', "house(imports)"],
    ["src/cli/t.ts", 'import { createRequire } from "node:module"', "house(imports)"],
    ["src/cli/u.ts", "await import(`./render.js`)", "house(imports)"],
    // A list is no list of arguments.
    ["src/core/spread.ts", "export const a = (b: number[]) => Math.max(...b)", "house(lists)"],
    ["src/cli/spread.ts", "export const a = (b: string[]) => b.push(...b)", "house(lists)"],
    ["src/core/no-spread.ts", "export const a = (b: number[]) => [...b, Math.max(1, 2)]", ""],
    // Rooms: none imports one above it, none is entered unlisted, and no file is in none.
    ["src/core/words/a.ts", 'import "../vault/vault.js"', "house(imports)"],
    ["src/core/git/a.ts", 'import type { Vault } from "../vault/vault.js"', "house(imports)"],
    ["src/core/age/a.ts", 'import "../disk/files.js"', "house(imports)"],
    ["src/core/vault/a.ts", 'import "../index.js"', "house(imports)"],
    ["src/core/nowhere/a.ts", 'import "../words/errors.js"', "house(imports)"],
    ["src/core/vault/b.ts", 'import "../nowhere/errors.js"', "house(imports)"],
    ["src/core/vault/uses-words.ts", 'import "../words/errors.js"', ""],
    ["src/precommit/detect/a.ts", 'import "../look/scan.js"', "house(imports)"],
    ["src/precommit/look/uses-detect.ts", 'import "../detect/detect.js"', ""],
    ["src/cli/parse/a.ts", 'import "../commands/get.js"', "house(imports)"],
    ["src/cli/parse/table/a.ts", 'import "../call.js"', ""],
    // What decides about a read is read by the room that records it.
    ["src/core/vault/d.ts", 'import { readFileSync } from "node:fs"', "house(imports)"],
    ["src/core/memory/d.ts", 'import "node:fs/promises"', "house(imports)"],
    ["src/core/disk/uses-disk.ts", 'import { readFileSync } from "node:fs"', ""],
    // One importer per dependency.
    ["src/core/k.ts", 'import "age-encryption"', "house(imports)"],
    ["src/core/l.ts", 'import "simple-git"', "house(imports)"],
    ["src/core/m.ts", 'import type { Document } from "yaml"', "house(imports)"],
    ["src/core/records/manifest.ts", 'import "yaml"', "house(imports)"],
    ["src/core/records/yaml.ts", 'import "yaml"', ""],
    ["src/core/records/n.ts", 'import "./generated/validators.js"', "house(imports)"],
    ["src/core/o.ts", 'import "node:child_process"', "house(imports)"],
    ["src/core/p.ts", 'import "left-pad"', "house(imports)"],
    ["src/core/q.ts", 'import "fs"', "house(imports)"],
    ["src/cli/f.ts", 'import "yargs/helpers"', "house(imports)"],
    ["src/cli/q.ts", 'await import("@lydell/node-pty-linux-x64/pty.node")', "house(imports)"],
    ["src/core/disk/process-tree.ts", 'import "node:child_process"', ""],
    ["src/cli/run/shell.ts", 'import "node:child_process"', ""],
    ["src/core/age/age-library.ts", 'import "age-encryption"', ""],
    ["src/core/git/git.ts", 'import "simple-git"\nimport "node:child_process"', ""],
    ["src/cli/parse/yargs.ts", 'import "yargs"', ""],
    ["src/mcp/c.ts", 'import "@modelcontextprotocol/sdk/types.js"', "house(imports)"],
    ["src/cli/g.ts", 'await import("@modelcontextprotocol/sdk/types.js")', "house(imports)"],
    ["src/mcp/server.ts", 'import "@modelcontextprotocol/sdk/types.js"', ""],
    // Core knows no terminal and no process.
    ["src/core/disk/maker.ts", 'import "node:process"', ""],
    ["src/core/r.ts", "export const a = process.pid", "no-restricted-globals"],
    ["src/core/s.ts", "export const a = globalThis.process", "no-restricted-globals"],
    ["src/core/t.ts", 'console.error("a")', "no-console"],
    // One name for one thing. Names in the two folders that are named after commands may return.
    ["src/core/words/one.ts", "export interface Twice {}", "house(names)"],
    ["src/core/disk/other.ts", "export type Twice = string", "house(names)"],
    ["src/core/git/hidden.ts", "class Twice {}\nvoid Twice", "house(names)"],
    ["src/core/git/once.ts", "export interface Once {}", ""],
    ["src/core/words/same.ts", "export {}", "house(names)"],
    ["src/core/disk/same.ts", "export {}", "house(names)"],
    ["src/core/govern/apply.ts", "export {}", ""],
    ["src/cli/commands/apply.ts", "export {}", ""],
    ["src/cli/parse/table/apply.ts", "export {}", ""],
    // Traps of a Git vault, and holes in the types.
    [
      "src/core/u.ts",
      "async function add(): Promise<void> {}\nexport function f(): void {\n  add()\n}",
      "no-floating-promises",
    ],
    ["src/core/v.ts", 'import { w } from "./w.js"\nexport const v = (): unknown => w', "no-cycle"],
    ["src/core/w.ts", 'import { v } from "./v.js"\nexport const w = (): unknown => v', "no-cycle"],
    ["src/core/x.ts", "export const a: any = 1", "no-explicit-any"],
    ["src/core/y.ts", "export const f = (a?: string): string => a!", "no-non-null-assertion"],
    ["src/core/z.ts", "// @ts-ignore: why not\nexport const a: string = 1", "ban-ts-comment"],
    ["src/core/long.ts", `export {}\n${"//\n".repeat(300)}`, "max-lines"],
    // A function of 51 lines; of 50.
    [
      "src/core/words/steps.ts",
      `export function f(): void {\n${"//\n".repeat(49)}}`,
      "max-lines-per-function",
    ],
    ["scripts/steps.mjs", `void (() => {\n${"//\n".repeat(49)}})()`, "max-lines-per-function"],
    ["src/core/words/fewer.ts", `export function f(): void {\n${"//\n".repeat(48)}}`, ""],
    // Tests run the real thing.
    ["test/a.test.ts", 'import { vi } from "vitest"\nvi.mock("../src/a.js")', "no-restricted-vi"],
    [
      "test/b.test.ts",
      'import { vi } from "vitest"\nimport * as fs from "node:fs"\nvi.spyOn(fs, "readFileSync")',
      "no-restricted-vi",
    ],
    [
      "test/c.test.ts",
      'import { test } from "vitest"\ntest.only("a", () => {})',
      "no-focused-tests",
    ],
  ]

  let folder: string
  let found: ReadonlyMap<string, readonly string[]>

  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-house-")))
    for (const path of [".oxlintrc.json", "tsconfig.json", "package.json", "scripts/lint"]) {
      cpSync(join(root, path), join(folder, path), { recursive: true })
    }
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
    for (const [file, code] of planted) {
      mkdirSync(join(folder, dirname(file)), { recursive: true })
      writeFileSync(join(folder, file), `${code}\n`)
    }
    found = lint(folder)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each(planted.map(([file, , rule]) => ({ file, rule })))(
    "$rule in $file",
    ({ file, rule }) => {
      const rules = found.get(file) ?? []
      if (rule === "") expect(rules.filter((name) => HOUSE.test(name))).toEqual([])
      else expect(rules.join(" ")).toContain(rule)
    },
  )
})

/** Runs the linter; resolves to the rules that each file breaks. */
function lint(folder: string): Map<string, string[]> {
  const oxlint = join(root, "node_modules/oxlint/bin/oxlint")
  const { stdout, stderr } = spawnSync(process.execPath, [oxlint, "--format=json"], {
    cwd: folder,
    encoding: "utf8",
  })
  if (!stdout.startsWith("{")) throw new Error(`${stdout}${stderr}`)
  const report = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] }
  const found = new Map<string, string[]>()
  for (const { code, filename } of report.diagnostics) {
    found.set(filename, [...(found.get(filename) ?? []), code])
  }
  return found
}

describe("a reader", () => {
  test("loads no git, no yaml, no ajv, and starts no process", async () => {
    const { metafile } = await build({
      entryPoints: [join(root, "src/core/index.ts")],
      absWorkingDir: root,
      bundle: true,
      write: false,
      metafile: true,
      platform: "node",
      format: "esm",
      logLevel: "silent",
    })
    // What is loaded on demand, such as a pull, is not loaded by a reader.
    const start = "src/core/index.ts"
    const files = new Set([start])
    const imported: string[] = []
    for (const file of files) {
      for (const { path, kind } of metafile.inputs[file]?.imports ?? []) {
        if (kind === "dynamic-import") continue
        imported.push(path)
        if (path in metafile.inputs) files.add(path)
      }
    }
    expect([...files]).toContain("src/core/words/errors.ts")
    expect(imported.filter((path) => forbiddenToReaders.test(path))).toEqual([])
  })

  const forbiddenToReaders =
    /node_modules\/(?:simple-git|yaml|ajv|ajv-formats|yargs)\/|^(?:node:)?(?:child_process|readline|tty)\b|^src\/core\/(?:git\/.*|guard|records\/yaml|records\/manifest|owner)\.ts$/
})

const rooms = JSON.parse(readFileSync(join(root, "scripts/lint/rooms.json"), "utf8")) as Record<
  string,
  string[]
>

describe("the rooms", () => {
  const order = Object.keys(rooms)

  test.each(order)("%s stands on rooms below it only", (room) => {
    const below = new Set(order.slice(0, order.indexOf(room)))
    expect(rooms[room]?.filter((other) => !below.has(other))).toEqual([])
  })

  test("no pair is permitted that no import needs", () => {
    const used = new Set(sources().flatMap((file) => [...roomsImportedBy(file)]))
    const permitted = order.flatMap((room) => rooms[room]?.map((other) => `${room} -> ${other}`))
    expect(permitted.filter((pair = "") => !used.has(pair))).toEqual([])
  })

  /** The pairs of rooms that the imports of a file need. */
  function* roomsImportedBy(file: string): Generator<string> {
    const text = readFileSync(join(root, file), "utf8")
    for (const [, specifier = ""] of text.matchAll(/(?:from |import\()"(\.[^"]+)"/g)) {
      yield `${roomOf(file)} -> ${roomOf(join(dirname(file), specifier))}`
    }
  }

  function roomOf(file: string): string {
    const folder = dirname(file)
    return order.includes(folder) ? folder : dirname(folder)
  }
})

describe("docs/architecture.md", () => {
  const page = readFileSync(join(root, "docs/architecture.md"), "utf8")

  test("has a line for each file of the sources, under its folder, and for no other", () => {
    const told = [...page.matchAll(/^### `(src\/[\w/-]+)`$(.*?)(?=^##|$(?![^]))/gms)].flatMap(
      ([, folder, lines = ""]) =>
        [...lines.matchAll(/^- `([\w/.-]+\.ts)`: /gm)].map(([, name]) => `${folder}/${name}`),
    )
    // One file for each command, and one for each group of them in the table.
    const files = sources().filter((file) => !/^src\/cli\/(?:commands|parse\/table)\//.test(file))
    expect(told.toSorted()).toEqual(files.toSorted())
  })

  test("has a picture with each room, and none on a floor below one that it imports", () => {
    const [, picture = ""] = /```text\n(.*?)```/s.exec(page) ?? []
    const core = picture
      .split("\n")
      .slice(picture.split("\n").findIndex((l) => /src\/core/.test(l)))
    const floorOf = (room: string): number =>
      core.findIndex((line) => new RegExp(`(^| )${basename(room)}( |$)`).test(line.slice(0, 60)))
    const inCore = Object.keys(rooms).filter((room) => room.startsWith("src/core/"))
    expect(inCore.filter((room) => floorOf(room) < 1)).toEqual([])
    const pairs = inCore.flatMap((room) => (rooms[room] ?? []).map((other) => [room, other]))
    expect(pairs.filter(([room = "", other = ""]) => floorOf(room) > floorOf(other))).toEqual([])
    const others = Object.keys(rooms).filter((room) => !room.startsWith("src/core"))
    expect(others.filter((room) => !new RegExp(`\\b${basename(room)}\\b`).test(picture))).toEqual(
      [],
    )
  })

  test("tells the rooms in their order", () => {
    const told = [...page.matchAll(/^### `(src\/[\w/-]+)`$/gm)].map(([, room]) => room)
    expect(told).toEqual(Object.keys(rooms))
  })
})

/** The source files, from the project's root. */
function sources(): string[] {
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .map((path) => `src/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".ts") && !path.includes("/generated/"))
}

test("the locks name no download hosts, so that any registry serves them", () => {
  for (const folder of ["", "scripts/hook-managers/", "scripts/browser/"]) {
    const lock = `${folder}package-lock.json`
    expect(readFileSync(join(root, lock), "utf8")).not.toContain('"resolved"')
  }
  const pins = readFileSync(join(root, "scripts/hook-managers/requirements.txt"), "utf8")
  expect(pins).not.toMatch(/index-url|https?:/)
})

test("the command loads only what it needs", () => {
  const bin = join(root, "dist/cli/bin.cjs")
  const program = `
    process.argv.splice(1, 0, ${JSON.stringify(bin)})
    process.on("exit", () => process.stderr.write(JSON.stringify(Object.keys(require.cache))))
    require(${JSON.stringify(bin)})`
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", program, "--", "--version"], {
    encoding: "utf8",
  })
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  const loaded = JSON.parse(stderr) as string[]
  expect(loaded.map((file) => basename(file))).toContain("bin.cjs")
  expect(loaded.map((file) => basename(file))).not.toContain("portable.cjs")
})
