import { appendFileSync, chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "vitest"
import { formsOf } from "../../src/core/redactor/forms.js"
import { type Arena, type Machine, bin, copyMachine, makeArena } from "./arena.js"
import { type Traced, kindOf, leaks, remains, testWithStrace, trace, unescaped } from "./tracing.js"

// Every consumer is driven through success and through failure while strace looks on, and a planted
// value is searched for, in every form that the redactor knows, in system calls (arguments,
// environments, files, pipes), outputs, the home and the repository: it must be where it was asked
// for, and nowhere else.

const CANARY = "kT5w-CANARY-Xr8m2Vq+7/Lz&p9"
const project = fileURLToPath(new URL("../..", import.meta.url))
const library = join(project, "dist/core/index.js")

let stage: Arena
let alice: Machine

beforeAll(async () => {
  stage = await makeArena()
  await stage.alice.set("stripe/canary", CANARY)
})
afterAll(() => stage.remove())
beforeEach(() => {
  alice = copyMachine(stage.alice)
})
afterEach(() => alice.remove())

/** Whether a text holds the value in any form. */
function shows(text: string): boolean {
  return formsOf(Buffer.from(CANARY)).some(({ bytes }) => text.includes(bytes.toString("latin1")))
}

/** Holds what a program did against the calls that were asked for, as `kindOf` names them. */
function expectOnly({ calls, stdout, stderr }: Traced, asked: readonly string[] = []): void {
  expect([...new Set(leaks(calls, CANARY).map(kindOf))].sort()).toEqual([...asked].sort())
  if (!asked.includes("write(1")) expect(shows(stdout)).toBe(false)
  expect(shows(stderr)).toBe(false)
  expect(remains(alice, CANARY)).toEqual([])
}

/** Runs a script with a value of the SDK. */
function node(body: string): Traced {
  const file = join(alice.folder, "script.mjs")
  writeFileSync(
    file,
    `import { openVault, VaultError } from ${JSON.stringify(library)}
    const vault = await openVault({ agent: "ci" })
    const value = await vault.get("stripe/canary")
    ${body}`,
  )
  return trace(alice, [process.execPath, file])
}

/** Runs `agent-vault run`, for a script of Node if one is given. */
function run(args: readonly string[], body = ""): Traced {
  const child = body === "" ? [] : ["--", process.execPath, "-e", body]
  return trace(alice, [process.execPath, bin, "run", "--agent", "ci", ...args, ...child])
}

/** What one process did itself. */
function callsOf({ calls }: Traced, pid: string): readonly string[] {
  return calls.filter((call) => call.startsWith(`${pid} `))
}

/** A call of an MCP tool. */
function ask(id: number, name: string, given: object = {}): object {
  return { id, method: "tools/call", params: { name, arguments: given } }
}

/** Runs a script with a value of the Python package. */
function python(body: string, name: string): Traced {
  const file = join(alice.folder, "script.py")
  writeFileSync(
    file,
    `import json, logging, os, pickle, sys, traceback
from agent_vault import Vault, VaultError
with Vault(agent="ci") as vault:
    value = vault.get(${JSON.stringify(name)})
${body}`,
  )
  const env = { AGENT_VAULT_BIN: bin, PYTHONPATH: join(project, "sdk-python-bridge") }
  return trace(alice, ["python3", file], { env })
}

/** The answer of the bridge to the program that asked: one write, to its own stdout. */
function expectOnlyAnswers(ran: Traced, others: readonly string[] = []): void {
  const [ours = ""] = (ran.calls[0] ?? "").split(" ")
  const kinds = leaks(ran.calls, CANARY).map(
    (each) => `${each.startsWith(`${ours} `) ? "python" : "bridge"} ${kindOf(each)}`,
  )
  expect([...new Set(kinds)].sort()).toEqual(["bridge write(1", ...others].sort())
  expect(shows(ran.stderr)).toBe(false)
  expect(remains(alice, CANARY)).toEqual([])
}

describe("the npm package", () => {
  testWithStrace("shows a value nowhere, however carelessly it is handled", () => {
    const ran = node(`
      import { inspect } from "node:util"
      console.log(value, \`\${value}\`, JSON.stringify({ value }), inspect(value, { showHidden: true }))
      console.error("%s %o %j", value, value, value, { ...value }, vault)
      for (const name of ["db/password", "stripe/missing", "stripe/../canary"]) {
        await vault.get(name).catch((error) => console.error(error, error.hint, error.stack))
      }
      await vault.getMany(["stripe/canary", "db/password"]).catch((error) => console.log(error))
      console.log(await vault.list(), await vault.access(), process.env, process.argv)
      new Error("with a cause", { cause: value }).toString()
      process.on("exit", () => console.log(process.report.getReport().header.event))
      throw new VaultError("NOT_GRANTED", String(value), { cause: value })`)
    expect(ran.stdout).toContain("[secret stripe/canary: use .reveal()]")
    expect(ran.stderr).toContain("NOT_GRANTED")
    expect(ran.code).toBe(1)
    expectOnly(ran)
  })

  testWithStrace("gives it where it is asked for", () => {
    expectOnly(node("process.stdout.write(value.reveal())"), ["write(1"])
  })

  testWithStrace("a planted leak of each kind is found", () => {
    const folder = JSON.stringify(alice.folder)
    const leaky = node(`
      import { spawnSync } from "node:child_process"
      import { writeFileSync } from "node:fs"
      spawnSync("/bin/true", [value.reveal()])
      console.error(Buffer.from(value.reveal()).toString("base64"))
      writeFileSync(${folder} + "/left", encodeURIComponent(value.reveal()))`)
    expect(leaks(leaky.calls, CANARY).map(kindOf)).toEqual(
      expect.arrayContaining(["execve", "write(2"]),
    )
    expect(shows(leaky.stderr)).toBe(true)
    expect(remains(alice, CANARY)).toEqual([join(alice.folder, "left")])
    expect(() => expectOnly(leaky)).toThrow()
  })
})

describe("run", () => {
  testWithStrace("gives it to one process, and takes it out of all that this one prints", () => {
    const script = `
      const value = process.env.STRIPE_CANARY
      console.log(value, Buffer.from("x" + value).toString("base64"), encodeURIComponent(value))
      console.error(Buffer.from(value).toString("hex"), JSON.stringify(value))
      require("fs").writeSync(2, value.slice(0, 9)); require("fs").writeSync(2, value.slice(9))`
    const ran = run(["-s", "stripe/canary"], script)
    expect(ran.code).toBe(0)
    expect(ran.stdout).toMatch(/^\[REDACTED stripe\/canary\] .*\[REDACTED stripe\/canary\]/)
    expect(shows(ran.stdout) || shows(ran.stderr)).toBe(false)
    expect(ran.stderr).toContain("[REDACTED stripe/canary]")

    const [ours = ""] = (ran.calls[0] ?? "").split(" ")
    expect(leaks(callsOf(ran, ours), CANARY)).toEqual([])
    const given = leaks(ran.calls, CANARY).filter((call) => kindOf(call) === "execve")
    expect(new Set(given.map((call) => call.split(" ")[0])).size).toBe(1)
    expect(unescaped(given[0] ?? "")).toContain("STRIPE_CANARY=")
    expect(remains(alice, CANARY)).toEqual([])
  })

  testWithStrace("in every failure it stays out of sight", () => {
    const file = join(alice.folder, "not a program")
    writeFileSync(file, "x")
    const references = join(alice.folder, "references")
    writeFileSync(references, "A=av://stripe/canary\nB=av://db/password\n")
    const failures: [readonly string[], number][] = [
      [["-s", "stripe/canary", "--", "/no/such/program"], 127],
      [["-s", "stripe/canary", "--", file], 126],
      [["-s", "stripe/canary=LD_PRELOAD", "--", "true"], 125],
      [["-s", "stripe/canary", "-s", "db/password", "--", "true"], 125],
      [["-s", "stripe/canary=X", "-s", "stripe/webhook=X", "--", "true"], 125],
      [["--env-from", references, "--", "true"], 125],
      [["-s", "stripe/canary", "--audit", alice.folder, "--", "true"], 125],
    ]
    chmodSync(file, 0o644)
    for (const [args, code] of failures) {
      const ran = run(args)
      expect([args, ran.code]).toEqual([args, code])
      // The system is asked to start what cannot be started: with the environment it was to have.
      expectOnly(ran, code > 125 ? ["execve"] : [])
    }
    const killed = run(["-s", "stripe/canary"], "process.kill(process.pid, 'SIGKILL')")
    expect(killed.code).toBe(137)
    expectOnly(killed, ["execve"])
  })
})

describe("the MCP server", () => {
  const opening = [
    {
      id: 1,
      method: "initialize",
      params: {
        protocolVersion: "2025-06-18",
        capabilities: {},
        clientInfo: { name: "t", version: "1" },
      },
    },
    { method: "notifications/initialized" },
  ]

  function mcp(args: readonly string[], requests: readonly (object | string)[]): Traced {
    const lines = [...opening, ...requests].map((request) =>
      typeof request === "string" ? request : JSON.stringify({ jsonrpc: "2.0", ...request }),
    )
    const program = [process.execPath, bin, "mcp", "--agent", "ci", ...args]
    return trace(alice, program, { stdin: `${lines.join("\n")}\n` })
  }

  testWithStrace("keeps it from a model in every tool and every failure", () => {
    const asked = [
      ask(2, "list_secrets"),
      ask(3, "describe_access"),
      ask(4, "get_secret", { name: "stripe/canary" }),
      ask(5, "get_secret", { name: "db/password" }),
      ask(6, "get_secret", { name: 7 }),
      ask(7, "no_such_tool", { name: "stripe/canary" }),
      "this is no JSON",
      { id: 8, method: "no/such/method" },
    ]
    for (const args of [[], ["--reveal", "never"], ["--reveal", "allow", "--blind"]]) {
      const ran = mcp(args, asked)
      expect(ran.stdout.trimEnd().split("\n").length).toBeGreaterThanOrEqual(8)
      expectOnly(ran)
    }
  })

  testWithStrace("gives it where it is asked for and may be shown", () => {
    const ran = mcp(["--reveal", "allow"], [ask(2, "get_secret", { name: "stripe/canary" })])
    expect(ran.stdout).toContain(CANARY)
    expectOnly(ran, ["write(1"])
  })
})

describe("Python", () => {
  testWithStrace("shows a value nowhere, however carelessly it is handled", () => {
    const ran = python(
      `    print(value, repr(value), f"{value!r:>40}", "%s" % value, [value])
    logging.error("careless %s", value)
    print(json.dumps({"value": value}, default=str))
    for name in ["db/password", "stripe/missing", "stripe/../x"]:
        try:
            vault.get_many(["stripe/canary", name])
        except VaultError:
            traceback.print_exc()
    try:
        pickle.dumps(value)
    except TypeError:
        traceback.print_exc()
    raise RuntimeError(value)
`,
      "stripe/canary",
    )
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain("agent-vault grant ci db")
    expect(shows(ran.stdout)).toBe(false)
    expectOnlyAnswers(ran)
  })

  testWithStrace("gives it where it is asked for", () => {
    const ran = python(`    os.write(1, value.bytes())\n`, "stripe/canary")
    expect(ran.stdout).toBe(CANARY)
    expectOnlyAnswers(ran, ["python write(1"])
  })
})

describe("what is tampered with", () => {
  testWithStrace("is refused by all alike, and no message repeats any of it", () => {
    appendFileSync(alice.path("secrets/stripe/canary.age"), "x")
    const env = { AGENT_VAULT_BIN: bin, PYTHONPATH: join(project, "sdk-python-bridge") }
    const reading = `import(${JSON.stringify(library)}).then(async ({ openVault }) => (await openVault({ agent: "ci" })).get("stripe/canary"))`
    const script = `from agent_vault import Vault\nVault(agent="ci").get("stripe/canary")`
    for (const program of [
      [process.execPath, "-e", reading],
      [process.execPath, bin, "run", "--agent", "ci", "-s", "stripe/canary", "--", "true"],
      ["python3", "-c", script],
    ]) {
      const ran = trace(alice, program, { env })
      expect(ran.stderr).toMatch(/DIGEST_MISMATCH|DigestMismatch/)
      expectOnly(ran)
    }
  })
})
