import { spawnSync } from "node:child_process"
import { copyFileSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { inflateSync } from "node:zlib"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { strace } from "../../scripts/strace.mjs"
import { type Arena, type Machine, bin, copyMachine, makeArena } from "./arena.js"

// A value that nobody has ever seen goes through set, get, grant and revoke, watched by strace:
// whatever the process and its children open, write, send or start is searched for it.

const CANARY = "Zk7q-CANARY-Pw3x9VbN4mT8rL2s"
const WATCHED =
  "execve,openat,open,creat,write,writev,pwrite64,rename,renameat2,linkat,link,sendto,sendmsg"

const found = await strace()
const lack = "missing" in found ? found.missing : undefined

let stage: Arena
let alice: Machine

beforeAll(async () => {
  stage = await makeArena()
})
afterAll(() => stage.remove())
beforeEach(() => {
  alice = copyMachine(stage.alice)
})
afterEach(() => alice.remove())

/** A test that needs strace: skipped with the reason where there is none; in CI it fails. */
function testWithStrace(name: string, body: () => void | Promise<void>): void {
  test(lack === undefined ? name : `${name} (${lack})`, async ({ skip }) => {
    const strict = Boolean(process.env["CI"] ?? process.env["AGENT_VAULT_TESTS_STRICT"])
    if (lack !== undefined && strict) throw new Error(lack)
    skip(lack !== undefined, lack)
    await body()
  })
}

/** Runs a command under strace; hands back its system calls, a line each, strings as hex. */
function trace(program: readonly string[], stdin = "", env = {}): readonly string[] {
  const log = join(alice.folder, "trace")
  const watch = ["-f", "-v", "-xx", "-s", "100000", "-e", `trace=${WATCHED}`, "-o", log]
  const tool = "path" in found ? found.path : ""
  const options = { cwd: alice.top, input: stdin, env: { ...process.env, ...alice.env, ...env } }
  const { status } = spawnSync(tool, [...watch, ...program], options)
  // 1: check has findings.
  expect(status).toBeLessThan(2)
  return readFileSync(log, "latin1").split("\n")
}

function traceCommand(command: string, stdin = ""): readonly string[] {
  return trace([process.execPath, bin, ...command.split(" ")], stdin)
}

/** The forms in which a value could leak: as it is, in hex, and in base64 at each alignment. */
function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value)
  const aligned = [0, 1, 2].map((skip) => {
    const text = Buffer.concat([Buffer.alloc(skip), bytes]).toString("base64")
    // The first and last characters hold bits of what stands before and after.
    return text.slice(skip === 0 ? 0 : skip + 1, -4)
  })
  const url = aligned.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"))
  const hex = bytes.toString("hex")
  return [value, JSON.stringify(value).slice(1, -1), hex, hex.toUpperCase(), ...aligned, ...url]
}

/** The system calls that hold the value in any form. */
function leaks(calls: readonly string[], value: string): readonly string[] {
  const needles = formsOf(value).map((form) => escaped(form))
  return calls.filter((call) => needles.some((needle) => call.includes(needle)))
}

/** Text as `strace -xx` writes it. */
function escaped(text: string): string {
  return [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")
}

function unescaped(call: string): string {
  return call.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  )
}

testWithStrace(
  "set, get, grant and revoke let a value reach no file, argument or variable",
  async () => {
    const set = traceCommand("set canary/value", CANARY)
    expect(set.filter((call) => call.includes("execve")).length).toBeGreaterThan(3)
    expect(leaks(set, CANARY)).toEqual([])
    expect(leaks(traceCommand("grant ci canary"), CANARY)).toEqual([])
    const get = traceCommand("get canary/value --agent ci")
    // The one write to stdout is what get is for.
    expect(leaks(get, CANARY).map((call) => /^\d+ +(\w+\(\d)/.exec(call)?.[1])).toEqual(["write(1"])
    expect(leaks(traceCommand("revoke ci canary"), CANARY)).toEqual([])
    expect(leaks(traceCommand("check --owner"), CANARY)).toEqual([])
    expect(leaks(traceCommand("list"), CANARY)).toEqual([])

    const identities = await Promise.all([alice.ownerIdentity(), alice.identityOf("ci")])
    for (const calls of [set, get]) {
      for (const identity of identities) expect(leaks(calls, identity)).toEqual([])
    }
    expect(remains(CANARY)).toEqual([])
  },
)

testWithStrace("the search itself finds what leaks", () => {
  const file = join(alice.folder, "leak")
  const encodings = { utf8: "", hex: "", base64: "", base64url: "xy" }
  for (const [encoding, before] of Object.entries(encodings)) {
    const program = `require("fs").writeFileSync(process.argv[1], Buffer.from(process.argv[2] + require("fs").readFileSync(0, "utf8")).toString("${encoding}"))`
    const calls = trace([process.execPath, "-e", program, file, before], CANARY)
    expect([encoding, leaks(calls, CANARY).length]).toEqual([encoding, 1])
  }
  const started = trace(["/bin/sh", "-c", "X=$(cat); /bin/true $X"], CANARY)
  expect(leaks(started, CANARY).some((call) => call.includes("execve("))).toBe(true)
  expect(leaks(trace(["/bin/true"], "", { LEAKED: CANARY }), CANARY)).toHaveLength(1)
  expect(leaks(started, "absent")).toEqual([])
  expect(remains(CANARY)).toContain(file)
})

/** Files under HOME, the repository included, and Git objects, that hold the value in any form. */
function remains(value: string): string[] {
  const forms = formsOf(value)
  const files = readdirSync(alice.folder, { recursive: true, withFileTypes: true })
  return files
    .filter((entry) => entry.isFile() && entry.name !== "trace")
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => forms.some((form) => readContent(file).includes(form)))
}

function readContent(file: string): Buffer {
  const bytes = readFileSync(file)
  return /objects\/[0-9a-f]{2}\/[0-9a-f]+$/.test(file) ? inflateSync(bytes) : bytes
}

/** The files that a command opens, with everything that differs between vaults taken out. */
function opened(calls: readonly string[]): string[] {
  return calls
    .filter((call) => /^\d+ +open(?:at)?\(/.test(call))
    .map((call) => /"([^"]*)"/.exec(unescaped(call))?.[1] ?? "")
    .filter((file) => !/^\/(?:proc|sys|etc|usr|lib|dev)\//.test(file))
    .map((file) => file.replaceAll(alice.folder, "").replaceAll(/[0-9a-f]{32,}/g, "#"))
    .map((file) => file.replaceAll(/\d+\.\d+-#/g, "mark"))
    .sort()
}

testWithStrace(
  "get opens the same files in a vault of 3 secrets and of 500, and starts nothing",
  () => {
    const get = "get stripe/api-key --agent ci"
    traceCommand(get)
    const small = traceCommand(get)
    // The records of these are no good; nothing but their own reader would look.
    const source = alice.path("secrets/stripe")
    for (let index = 0; index < 500; index++) {
      for (const ending of ["json", "age"]) {
        copyFileSync(join(source, `webhook.${ending}`), join(source, `copy-${index}.${ending}`))
      }
    }
    alice.arrive()
    const large = traceCommand(get)
    expect(opened(large)).toEqual(opened(small))
    expect(opened(small).some((file) => file.endsWith("api-key.age"))).toBe(true)
    for (const calls of [small, large]) {
      expect(calls.filter((call) => call.includes("execve("))).toHaveLength(1)
    }
  },
)
