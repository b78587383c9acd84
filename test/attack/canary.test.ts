import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest"
import { type Arena, type Machine, bin, copyMachine, makeArena } from "./arena.js"
import { kindOf, leaks, remains, testWithStrace, trace, unescaped } from "./tracing.js"

// A value that nobody has ever seen goes through set, get, grant and revoke, watched by strace:
// whatever the process and its children open, write, send or start is searched for it.

const CANARY = "Zk7q-CANARY-Pw3x9VbN4mT8rL2s"
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

/** Runs a command under strace; hands back its system calls. */
function traceCommand(command: string, stdin = ""): readonly string[] {
  const { calls, code } = trace(alice, [process.execPath, bin, ...command.split(" ")], { stdin })
  // 1: check has findings.
  expect(code).toBeLessThan(2)
  return calls
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
    expect(leaks(get, CANARY).map(kindOf)).toEqual(["write(1"])
    expect(leaks(traceCommand("revoke ci canary"), CANARY)).toEqual([])
    expect(leaks(traceCommand("check --owner"), CANARY)).toEqual([])
    expect(leaks(traceCommand("list"), CANARY)).toEqual([])

    const identities = await Promise.all([alice.ownerIdentity(), alice.identityOf("ci")])
    for (const calls of [set, get]) {
      for (const identity of identities) expect(leaks(calls, identity)).toEqual([])
    }
    expect(remains(alice, CANARY)).toEqual([])
  },
)

testWithStrace("the search itself finds what leaks", () => {
  const file = join(alice.folder, "leak")
  const encodings = { utf8: "", hex: "", base64: "", base64url: "xy" }
  for (const [encoding, before] of Object.entries(encodings)) {
    const program = `require("fs").writeFileSync(process.argv[1], Buffer.from(process.argv[2] + require("fs").readFileSync(0, "utf8")).toString("${encoding}"))`
    const { calls } = trace(alice, [process.execPath, "-e", program, file, before], {
      stdin: CANARY,
    })
    expect([encoding, leaks(calls, CANARY).length]).toEqual([encoding, 1])
  }
  const shell = ["/bin/sh", "-c", "X=$(cat); /bin/true $X"]
  const { calls: started } = trace(alice, shell, { stdin: CANARY })
  expect(leaks(started, CANARY).some((call) => call.includes("execve("))).toBe(true)
  const { calls } = trace(alice, ["/bin/true"], { env: { LEAKED: CANARY } })
  expect(leaks(calls, CANARY)).toHaveLength(1)
  expect(leaks(started, "absent")).toEqual([])
  expect(remains(alice, CANARY)).toContain(file)
})

/** The files that a command opens, with everything that differs between vaults taken out. */
function opened(calls: readonly string[]): string[] {
  return (
    calls
      .filter((call) => /^\d+ +open(?:at)?\(/.test(call))
      .map((call) => /"([^"]*)"/.exec(unescaped(call))?.[1] ?? "")
      // Which may itself lie below /dev, in memory.
      .map((file) => file.replaceAll(alice.folder, ""))
      .filter((file) => !/^\/(?:proc|sys|etc|usr|lib|dev)\//.test(file))
      .map((file) => file.replaceAll(/[0-9a-f]{32,}/g, "#"))
      .map((file) => file.replaceAll(/\d+\.\d+-#/g, "mark"))
      // Whose turn it is to write the audit: a process, when it began, and a number of its own.
      .map((file) => file.replaceAll(/by-[0-9a-f-]+$/g, "turn"))
      .sort()
  )
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
