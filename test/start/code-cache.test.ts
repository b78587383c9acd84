import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { getgid, getuid } from "node:process"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { noRoot, testUnless } from "../needs.js"
import { copyProgram } from "../folders.js"

const GET = ["get", "stripe/api-key", "--agent", "ci"]
/** Nobody's. Only root may become another user. */
const OTHER = 54_321

let machine: Machine
/** A copy of the built command, new for each test. */
let folder: string
let bin: string

beforeAll(async () => {
  machine = await vaultMachine()
})
afterAll(() => machine.remove())
beforeEach(() => {
  folder = join(machine.home, "program")
  rmSync(folder, { recursive: true, force: true })
  copyProgram(folder)
  bin = join(folder, "bin.cjs")
})

function run(args = GET, env: NodeJS.ProcessEnv = {}, node: readonly string[] = []) {
  const options = { cwd: machine.repo, env: { ...machine.env, ...env }, encoding: "utf8" } as const
  const { stdout, stderr, status } = spawnSync(process.execPath, [...node, bin, ...args], options)
  return { stdout, stderr, status }
}

const WELL = { stdout: "v", stderr: "", status: 0 }

function caches(): string[] {
  return readdirSync(folder).filter((name) => name.includes(".v8"))
}

/** The one cache there is. */
function cacheFile(): string {
  const [name = ""] = caches()
  expect(caches()).toEqual([expect.stringMatching(/^get-[\d.]+-v[\d.]+-\w+\.v8$/)])
  return join(folder, name)
}

const PLANTED = "planted"

/**
 * Puts other code in the place of the cache's: V8 takes it for that of the command, since all it
 * compares is the length of the text. So whoever may write the file decides what runs.
 */
function plant(): string {
  expect(run()).toEqual(WELL)
  const file = cacheFile()
  const program = `
    const { readFileSync, statSync, writeFileSync } = require("node:fs")
    const { Script } = require("node:vm")
    const [file, main] = process.argv.slice(1)
    const { size, mtimeMs } = statSync(main)
    const before = "(function (exports, require, module, __filename, __dirname) { "
    const length = before.length + readFileSync(main, "utf8").length + "\\n})".length
    const text = "(function () { process.stdout.write('${PLANTED}') })".padEnd(length)
    const code = new Script(text, { filename: main })
    code.runInThisContext()()
    const bytes = code.createCachedData()
    const entries = { "./main.cjs": [512, 512 + bytes.length, size, mtimeMs] }
    writeFileSync(file, JSON.stringify(entries).padEnd(511) + "\\n")
    writeFileSync(file, bytes, { flag: "a" })`
  const { stdout } = spawnSync(process.execPath, ["-e", program, file, join(folder, "main.cjs")])
  expect(String(stdout)).toBe(PLANTED)
  return file
}

test("a hot door leaves its code as V8 compiled it, with the mode of the program", () => {
  chmodSync(bin, 0o740)
  expect(run()).toEqual(WELL)
  expect(statSync(cacheFile()).mode & 0o777).toBe(0o640)
  expect(run()).toEqual(WELL)
})

test("what goes on for long leaves its code while it does, and no less when it ends", async () => {
  const options = { cwd: machine.repo, env: machine.env, stdio: "pipe" } as const
  const bridge = spawn(process.execPath, [bin, "bridge", "--agent", "ci"], options)
  const kept = /^bridge-[\d.]+-v[\d.]+-\w+\.v8$/
  await expect.poll(caches).toEqual([expect.stringMatching(kept)])
  const [name = ""] = caches()
  const { size } = statSync(join(folder, name))
  bridge.stdin.end()
  expect(await once(bridge, "exit")).toEqual([0, null])
  expect(caches()).toEqual([name])
  expect(statSync(join(folder, name)).size).toBeGreaterThanOrEqual(size)
})

test("no value is in it", () => {
  const long = "value-that-is-nowhere-else"
  const set = spawnSync(process.execPath, [bin, "set", "stripe/webhook"], {
    cwd: machine.repo,
    env: machine.env,
    input: long,
  })
  expect(set.status).toBe(0)
  expect(run(["get", "stripe/webhook", "--agent", "ci"]).stdout).toBe(long)
  expect(caches()).toEqual([expect.stringMatching(/^get-/), expect.stringMatching(/^set-/)])
  for (const name of caches()) {
    const bytes = readFileSync(join(folder, name))
    expect(bytes.includes("AGENT-SECRET-KEY-1")).toBe(false)
    expect(bytes.includes(long)).toBe(false)
  }
})

test.each([
  ["that fails", ["get", "stripe/none", "--agent", "ci"]],
  ["that shows help", ["get", "--help"]],
  ["that is not hot", ["services"]],
])("a command %s leaves nothing", (_what, args) => {
  run(args)
  expect(caches()).toEqual([])
})

describe("code that was planted", () => {
  test("runs if only the program's owner can have written it: so it is trusted as the program is", () => {
    plant()
    expect(run().stdout).toBe(PLANTED)
  })

  test.each(["622", "620", "602"])("does not run with the mode %s", (mode) => {
    chmodSync(plant(), parseInt(mode, 8))
    expect(run()).toEqual(WELL)
  })

  test("does not run behind a symbolic link", () => {
    const file = plant()
    renameSync(file, `${file}.away`)
    symlinkSync(`${file}.away`, file)
    expect(run()).toEqual(WELL)
  })

  test("does not run with a second name, where somebody else may have put it", () => {
    const file = plant()
    linkSync(file, `${file}.too`)
    expect(run()).toEqual(WELL)
  })

  test("does not run in the place of a text that was changed since", () => {
    plant()
    const main = join(folder, "main.cjs")
    utimesSync(main, new Date(), new Date(statSync(main).mtimeMs + 1_000))
    expect(run()).toEqual(WELL)
  })

  testUnless(noRoot, "does not run if it is another user's", () => {
    chownSync(plant(), OTHER, getgid?.() ?? 0)
    expect(run()).toEqual(WELL)
  })

  testUnless(noRoot, "does not run if another group may write it", () => {
    const file = plant()
    chmodSync(bin, 0o770)
    chmodSync(file, 0o660)
    expect(run().stdout).toBe(PLANTED)
    chownSync(file, getuid?.() ?? 0, OTHER)
    expect(run()).toEqual(WELL)
  })
})

describe("nothing is left, and nothing is said,", () => {
  test("where others may write", () => {
    chmodSync(folder, 0o777)
    expect(run()).toEqual(WELL)
    expect(caches()).toEqual([])
  })

  testUnless(noRoot, "where the program is another user's", () => {
    chownSync(folder, OTHER, OTHER)
    chownSync(bin, OTHER, OTHER)
    expect(run()).toEqual(WELL)
    expect(caches()).toEqual([])
  })

  test("where the file cannot be written", () => {
    expect(run()).toEqual(WELL)
    const file = cacheFile()
    rmSync(file)
    mkdirSync(join(file, "in-the-way"), { recursive: true })
    expect(run()).toEqual(WELL)
    expect(caches()).toEqual([file.slice(folder.length + 1)])
  })
})

describe("the command runs as ever", () => {
  test("with a cache that is cut off, or is something else", () => {
    expect(run()).toEqual(WELL)
    const file = cacheFile()
    const bytes = readFileSync(file)
    for (const wrong of [bytes.subarray(0, bytes.length / 2), Buffer.from("[]"), Buffer.alloc(0)]) {
      writeFileSync(file, wrong)
      expect(run()).toEqual(WELL)
    }
  })

  test("under flags for which the code was not made", () => {
    expect(run()).toEqual(WELL)
    expect(run(GET, {}, ["--no-opt"])).toEqual(WELL)
  })

  test("and its errors name the file and the line", () => {
    expect(run()).toEqual(WELL)
    const main = join(folder, "main.cjs")
    const text = readFileSync(main, "utf8")
    writeFileSync(main, `${text}\nthrow new Error("here")`)
    const { stderr } = run()
    expect(stderr).toContain(`${main}:${text.split("\n").length + 1}`)
  })
})

test("commands that end at once leave one whole file", async () => {
  const line = `for i in 1 2 3 4; do "${process.execPath}" "${bin}" ${GET.join(" ")} & done; wait`
  const { stdout, code } = await machine.shell(line)
  expect([stdout, code]).toEqual(["vvvv", 0])
  expect(existsSync(cacheFile())).toBe(true)
  expect(run()).toEqual(WELL)
  expect(dirname(cacheFile())).toBe(folder)
})
