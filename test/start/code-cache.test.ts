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
import { fileURLToPath } from "node:url"
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

const preload = fileURLToPath(new URL("../cli/opened.cjs", import.meta.url))
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
const ROOM = 1024

/** The first line of a cache: what is kept, by the chunk that it begins with. */
interface Index {
  readonly scripts: Record<string, { chunks: { name: string; size: number; changedMs: number }[] }>
}

/** The chunks of the first script. */
function chunksIn(file: string) {
  const bytes = readFileSync(file)
  const line = bytes.toString("latin1", 0, bytes.indexOf("\n"))
  return (JSON.parse(line) as Index).scripts["./main.cjs"]?.chunks ?? []
}

/** Puts another program in the place of the command's. So whoever may write the file decides what runs. */
function plant(): string {
  expect(run()).toEqual(WELL)
  const file = cacheFile()
  const text = `[function () { process.stdout.write('${PLANTED}') }]`
  const script = { chunks: chunksIn(file), start: ROOM, code: 0, text: text.length }
  const index = { size: ROOM + text.length, scripts: { "./main.cjs": script } }
  writeFileSync(file, `${JSON.stringify(index).padEnd(ROOM - 1)}\n${text}`)
  return file
}

test("a hot door leaves its code as V8 compiled it, with the mode of the program", () => {
  chmodSync(bin, 0o740)
  expect(run()).toEqual(WELL)
  expect(statSync(cacheFile()).mode & 0o777).toBe(0o640)
  expect(run()).toEqual(WELL)
})

test("what is kept is read from one file", () => {
  expect(run()).toEqual(WELL)
  const log = join(machine.home, "opened")
  expect(run(GET, { OPENED_LOG: log }, ["--require", preload])).toEqual(WELL)
  const opened = JSON.parse(readFileSync(log, "utf8")) as string[]
  expect(opened.filter((name) => dirname(name) === folder)).toEqual([bin, cacheFile()])
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

  test("does not run in the place of a text that was changed since, whichever of them", () => {
    const [before, since] = [new Date("2026-01-01"), new Date("2026-01-02")]
    for (const name of readdirSync(folder)) utimesSync(join(folder, name), before, before)
    const file = plant()
    const planted = readFileSync(file)
    const chunks = chunksIn(file)
    expect(chunks.length).toBeGreaterThan(1)
    for (const { name } of chunks) {
      utimesSync(join(folder, name), since, since)
      expect(run()).toEqual(WELL)
      utimesSync(join(folder, name), before, before)
      writeFileSync(file, planted)
    }
    expect(run().stdout).toBe(PLANTED)
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
      expect(chunksIn(file)).not.toEqual([])
    }
  })

  test("with a cache of chunks that are not there", () => {
    expect(run()).toEqual(WELL)
    const file = cacheFile()
    const text = readFileSync(file, "latin1")
    writeFileSync(file, text.replaceAll(/chunk-\w{8}\.cjs/g, "chunk-NOWHERE0.cjs"), "latin1")
    expect(run()).toEqual(WELL)
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
