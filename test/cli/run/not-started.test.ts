import { execFileSync, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { platform } from "node:process"
import { Worker } from "node:worker_threads"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { leadsInto } from "../../../src/broker/isolate/hidden.js"
import { shownCommand } from "../../../src/cli/run/who-runs.js"
import { start } from "../../../src/cli/run/child.js"
import { notStarted, refuseUnstartable } from "../../../src/cli/run/not-started.js"
import { noProc, testUnless } from "../../needs.js"

let folder: string
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-start-")))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The variables have so many bytes in all, with their names. */
function variables(bytes: number): Record<string, string> {
  const each = 100_000
  const env: Record<string, string> = {}
  for (let left = bytes; left > 0; left -= each) {
    const name = `V${String(left).padStart(10, "0")}`
    env[name] = "x".repeat(Math.max(0, Math.min(left, each) - name.length - 1))
  }
  return env
}

function isRefused(env: Record<string, string>): boolean {
  try {
    refuseUnstartable(["/bin/true"], env)
    return false
  } catch (error) {
    expect(error).toMatchObject({ code: "COMMAND_NOT_STARTED" })
    return true
  }
}

const isStarted = (env: Record<string, string>): boolean =>
  spawnSync("/bin/true", { env }).error === undefined

const notLinux = platform === "linux" ? undefined : "this is no Linux"

testUnless(notLinux, "what the system does not take is refused, and what it takes is not", () => {
  let [taken, refused] = [100_000, 8_000_000]
  while (refused - taken > 1) {
    const middle = Math.floor((taken + refused) / 2)
    if (isStarted(variables(middle))) taken = middle
    else refused = middle
  }
  // The system counts the program's path, and rounds.
  expect(isRefused(variables(taken - 64))).toBe(false)
  expect(isRefused(variables(refused + 64))).toBe(true)
})

testUnless(notLinux, "so it is with a single variable", () => {
  for (const size of [128 * 1024 - 2, 128 * 1024 - 1, 128 * 1024]) {
    const env = { V: "x".repeat(size - 2) }
    expect(isRefused(env), String(size)).toBe(!isStarted(env))
  }
})

test("what the machine lacks is not told as the fault of the program", () => {
  for (const code of ["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"]) {
    const told = notStarted("true", {}, Object.assign(new Error(code), { code }))
    expect(told.code).toBe("COMMAND_NOT_STARTED")
    expect(told.message, code).toMatch(/^true cannot be run: (?:there|too many)/)
    expect(told.hint, code).not.toContain("check that it is a program")
  }
})

describe("what is hidden from the program", () => {
  let [keys, file, links] = ["", "", ""]
  beforeAll(() => {
    ;[keys, file, links] = [join(folder, "keys"), join(folder, "a.key"), join(folder, "links")]
    for (const each of [keys, join(keys, "sub"), links]) mkdirSync(each)
    for (const each of [file, join(keys, "text")]) writeFileSync(each, "", { mode: 0o644 })
    writeFileSync(join(keys, "tool"), "#!/bin/sh\n", { mode: 0o755 })
    writeFileSync(join(keys, "broken"), "#!/nowhere/sh\n", { mode: 0o755 })
    symlinkSync("/bin/true", join(keys, "out"))
    symlinkSync(keys, join(links, "keys"))
    for (const name of [...THERE, "none"]) symlinkSync(`../keys/${name}`, join(links, name))
    const odd = Buffer.concat([Buffer.from(`${links}/`), Buffer.from([0xff])])
    symlinkSync(join(keys, "out"), odd)
    symlinkSync(odd, join(links, "odd"))
  })
  const THERE = ["tool", "text", "broken", "sub", "out"]
  const hides = (path: Buffer): boolean => leadsInto({ folders: [keys], files: [file] }, path)

  function toldOf(command: string, env: Record<string, string> = {}, cwd = folder): unknown {
    try {
      refuseUnstartable([command], env, cwd, hides)
      return "it is started"
    } catch (error) {
      const { code, message, hint } = error as Record<string, string>
      return { code, message: message?.replace(shownCommand(command), "X"), hint }
    }
  }

  test("is told as what is not there, whether it is or not", () => {
    const none = toldOf(join(folder, "nowhere"))
    expect(none).toMatchObject({ code: "COMMAND_NOT_FOUND", message: "there is no program X" })
    const names = [...THERE, "none", "sub/none"]
    const ways = names.flatMap((name) => [
      join(keys, name),
      `./keys/${name}`,
      join(links, "keys", name),
      join(links, name),
    ])
    for (const way of [...ways, keys, file, join(links, "odd")]) {
      expect(toldOf(way), way).toEqual(none)
    }
    for (const name of names) expect(toldOf(`./${name}`, {}, keys), name).toEqual(none)
  })

  test("is not found on PATH, and what comes later there is", () => {
    for (const name of THERE) expect(toldOf(name, { PATH: keys })).toEqual(toldOf("none"))
    expect(toldOf("sh", { PATH: `${keys}:/bin` })).toBe("it is started")
  })

  test("is no interpreter", () => {
    const script = join(folder, "script")
    const told = [
      "/nowhere/sh",
      ...THERE.flatMap((name) => [join(keys, name), `keys/${name}`]),
    ].map((interpreter) => {
      writeFileSync(script, `#!${interpreter}\n`, { mode: 0o755 })
      return toldOf(script)
    })
    for (const each of told) expect(each).toEqual(told[0])
    expect(told[0]).toMatchObject({ message: "X is there, but what it runs with is not" })
  })

  test("hides nothing else", () => {
    symlinkSync("links/../nothing/../true", join(folder, "dangling"))
    symlinkSync("/bin/true", join(folder, "true"))
    symlinkSync("round", join(folder, "round"))
    expect(toldOf("./links/../true")).toBe("it is started")
    expect(toldOf("./keys.of.others")).toEqual(toldOf("./dangling"))
    expect(toldOf("./round")).toEqual(toldOf("./dangling"))
    expect(toldOf(`./${"x/".repeat(3000)}x`)).toMatchObject({ code: "COMMAND_NOT_FOUND" })
  })
})

/** Changes what a path is, to and fro; it frees whoever waits for the pipe, and tells it. */
const CHANGING = `
  const { linkSync, openSync, closeSync, renameSync, constants } = require("node:fs")
  const { parentPort, workerData: { pipe, file, place, shared } } = require("node:worker_threads")
  const [ROUND, END, WAITED] = [0, 1, 2]
  const FREE_AFTER_MS = 5000
  let [round, since] = [-1, Date.now()]
  while (Atomics.load(shared, END) === 0) {
    for (const each of [pipe, file]) {
      linkSync(each, place + ".next")
      renameSync(place + ".next", place)
    }
    if (round === -1) parentPort.postMessage("changing")
    const now = Atomics.load(shared, ROUND)
    if (now !== round) [round, since] = [now, Date.now()]
    else if (Date.now() - since > FREE_AFTER_MS) {
      try {
        closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK))
        Atomics.store(shared, WAITED, 1)
      } catch {}
    }
  }`

testUnless(notLinux, "a pipe that comes in the place of a program is not waited for", async () => {
  const [pipe, file, place] = ["pipe", "file", "place"].map((name) => join(folder, name))
  if (pipe === undefined || file === undefined || place === undefined) throw new TypeError()
  execFileSync("mkfifo", ["-m", "755", pipe])
  writeFileSync(file, "#!/bin/sh\n", { mode: 0o755 })
  linkSync(file, place)
  const shared = new Int32Array(new SharedArrayBuffer(12))
  const changing = new Worker(CHANGING, { eval: true, workerData: { pipe, file, place, shared } })
  const [ROUND, END, WAITED] = [0, 1, 2]
  await once(changing, "message")
  for (let round = 0; round < 10_000 && Atomics.load(shared, WAITED) === 0; round++) {
    Atomics.store(shared, ROUND, round)
    try {
      refuseUnstartable([place], {})
    } catch (error) {
      expect(error).toMatchObject({ code: "COMMAND_NOT_STARTED" })
    }
  }
  Atomics.store(shared, END, 1)
  await changing.terminate()
  expect(Atomics.load(shared, WAITED)).toBe(0)
})

function descriptors(): number {
  return readdirSync("/proc/self/fd").length
}

testUnless(noProc, "a program that does not start leaves no pipe open", async () => {
  const launch = { command: join(folder, "nothing"), args: [], env: {} }
  await expect(start(launch, true)).rejects.toThrow("there is no program")
  const before = descriptors()
  await expect(start(launch, true)).rejects.toThrow("there is no program")
  expect(descriptors()).toBe(before)
})
