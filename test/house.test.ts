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

describe("the linter refuses", () => {
  /** Files that break one rule each, and the rule. A file whose rule is empty breaks none. */
  const planted: readonly (readonly [file: string, code: string, rule: string])[] = [
    // Who may import whom.
    ["src/core/a.ts", 'import "../cli/bin.js"', "house(imports)"],
    ["src/core/b.ts", 'import "../mcp/main.js"', "house(imports)"],
    ["src/core/c.ts", 'export * from "../precommit/main.js"', "house(imports)"],
    ["src/core/d.ts", 'await import("../cli/render.js")', "house(imports)"],
    ["src/core/e.ts", 'import "node:readline/promises"', "house(imports)"],
    ["src/core/f.ts", 'import "node:tty"', "house(imports)"],
    ["src/core/g.ts", 'import "node:process"', "house(imports)"],
    ["src/core/h.ts", 'import "yargs"', "house(imports)"],
    ["src/core/i.ts", 'export type A = import("../cli/render.js").A', "house(imports)"],
    ["src/core/j.ts", 'import "../../test/setup.js"', "house(imports)"],
    ["src/cli/a.ts", 'import "../core/age.js"', "house(imports)"],
    ["src/cli/b.ts", 'import "../mcp/main.js"', "house(imports)"],
    ["src/cli/m.ts", 'import "jsonc-parser"', "house(imports)"],
    ["src/cli/n.ts", 'import "smol-toml"', "house(imports)"],
    ["src/cli/o.ts", 'import "node:child_process"', "house(imports)"],
    ["src/cli/commands/c.ts", 'import "../../precommit/main.js"', "house(imports)"],
    ["src/mcp/a.ts", 'import "../cli/render.js"', "house(imports)"],
    ["src/mcp/b.ts", 'import "../precommit/main.js"', "house(imports)"],
    ["src/precommit/a.ts", 'import "../cli/render.js"', "house(imports)"],
    ["src/precommit/b.ts", 'import "../core/git.js"', "house(imports)"],
    ["src/precommit/c.ts", 'import "../core/guard.js"\nimport "../core/owner.js"', ""],
    ["src/cli/g.ts", 'import "../core/guard.js"', "house(imports)"],
    ["src/cli/bin.ts", 'import "../mcp/main.js"', "house(imports)"],
    ["src/cli/d.ts", 'import "../core/index.js"\nimport "../core/owner.js"', ""],
    ["src/cli/commands/bin.ts", 'import "../render.js"', ""],
    ["src/mcp/main.ts", 'import "../core/index.js"', ""],
    ["src/cli/e.ts", 'const name = "./" + "render.js"\nawait import(name)', "house(imports)"],
    // One importer per dependency.
    ["src/core/k.ts", 'import "age-encryption"', "house(imports)"],
    ["src/core/l.ts", 'import "simple-git"', "house(imports)"],
    ["src/core/m.ts", 'import type { Document } from "yaml"', "house(imports)"],
    ["src/core/manifest.ts", 'import "yaml"', "house(imports)"],
    ["src/core/yaml.ts", 'import "yaml"', ""],
    ["src/core/n.ts", 'import "./generated/validators.js"', "house(imports)"],
    ["src/core/o.ts", 'import "node:child_process"', "house(imports)"],
    ["src/core/p.ts", 'import "left-pad"', "house(imports)"],
    ["src/core/q.ts", 'import "fs"', "house(imports)"],
    ["src/cli/f.ts", 'import "yargs/helpers"', "house(imports)"],
    ["src/core/age.ts", 'import "age-encryption"', ""],
    ["src/core/git.ts", 'import "simple-git"\nimport "node:child_process"', ""],
    ["src/cli/yargs.ts", 'import "yargs"', ""],
    ["src/mcp/c.ts", 'import "@modelcontextprotocol/sdk/types.js"', "house(imports)"],
    ["src/cli/g.ts", 'await import("@modelcontextprotocol/sdk/types.js")', "house(imports)"],
    ["src/mcp/server.ts", 'import "@modelcontextprotocol/sdk/types.js"', ""],
    // Core knows no terminal and no process.
    ["src/core/lock.ts", 'import "node:process"', ""],
    ["src/core/r.ts", "export const a = process.pid", "no-restricted-globals"],
    ["src/core/s.ts", "export const a = globalThis.process", "no-restricted-globals"],
    ["src/core/t.ts", 'console.error("a")', "no-console"],
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
      if (rule === "") expect(rules.filter((name) => name.startsWith("house"))).toEqual([])
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
    expect([...files]).toContain("src/core/errors.ts")
    expect(imported.filter((path) => forbiddenToReaders.test(path))).toEqual([])
  })

  const forbiddenToReaders =
    /node_modules\/(?:simple-git|yaml|ajv|ajv-formats|yargs)\/|^(?:node:)?(?:child_process|readline|tty)\b|^src\/core\/(?:git|git-quick|guard|yaml|manifest|owner)\.ts$/
})

test("docs/architecture.md has a line for each file of the sources, and for no other", () => {
  const page = readFileSync(join(root, "docs/architecture.md"), "utf8")
  const told = [...page.matchAll(/^- `([\w-]+\.ts)`: /gm)].map((match) => match[1] ?? "")
  const files = ["src/core", "src/cli", "src/mcp", "src/precommit"].flatMap((folder) =>
    readdirSync(join(root, folder)).filter((name) => name.endsWith(".ts")),
  )
  expect(told.toSorted()).toEqual(files.toSorted())
})

test("the locks name no download hosts, so that any registry serves them", () => {
  for (const lock of ["package-lock.json", "scripts/hook-managers/package-lock.json"]) {
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
  expect(loaded.map((file) => basename(file))).not.toContain("curves.cjs")
})
