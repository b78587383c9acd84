import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { generateIdentity } from "../../src/core/age/age.js"
import harnesses from "../../src/core/keys/harnesses.json" with { type: "json" }
import { agentKeyFile } from "../../src/core/index.js"
import { ownerKeyFile } from "../../src/core/keys/key-files.js"
import {
  type Answer,
  type Arena,
  Machine,
  VALUES,
  copyMachine,
  makeArena,
  vaultIdOf,
} from "./arena.js"

// The owner's key opens everything, and is used for nothing that it was not asked for. A key file
// is read and written where only its user can, and nothing of a key or a value is repeated.

const GET = ["get", "stripe/api-key"]

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

test("a person at a terminal reads with the owner's key; a pipe does not", () => {
  const { code, stdout } = alice.atTerminal(GET, { shows: true })
  expect([code, stdout.trim()]).toEqual([0, VALUES["stripe/api-key"]])
  expect(alice.code(GET)).toBe("3 NO_IDENTITY")
  expect(alice.code([...GET, "--json"])).toBe("3 NO_IDENTITY")
  expect(alice.run([...GET, "--owner"], { shows: true }).stdout).toBe(VALUES["stripe/api-key"])
})

test("under every known harness it is not used, not even at a terminal", () => {
  const names = Object.keys(harnesses)
  expect(names.length).toBeGreaterThan(10)
  for (const [index, name] of names.entries()) {
    // Every third through the program itself, which is slow; core decides for all.
    if (index % 3 !== 0) continue
    const ran = alice.atTerminal(GET, { env: { [name]: "1" } })
    expect([name, ran.code, ran.stdout]).toEqual([
      name,
      4,
      expect.stringContaining("not used unasked"),
    ])
  }
  const env = Object.fromEntries(names.map((name) => [name, "1"]))
  expect(alice.code(GET, { env })).toBe("3 NO_IDENTITY")
})

const WRONG: readonly (readonly [
  what: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  code: string,
])[] = [
  ["an empty --identity", ["--identity="], {}, "2 USAGE"],
  ["--identity of no file", ["--identity", "nowhere"], {}, "3 KEY_NOT_FOUND"],
  ["--identity of a folder", ["--identity", "."], {}, "5 FILE_UNSAFE"],
  ["--identity of a file without a key", ["--identity", "README.md"], {}, "4 KEY_INVALID"],
  ["an unknown --agent", ["--agent", "nobody"], {}, "3 KEY_NOT_FOUND"],
  ["an --agent that is a path", ["--agent", "../owner"], {}, "2 NAME_INVALID"],
  ["an empty AGENT_VAULT_IDENTITY", [], { AGENT_VAULT_IDENTITY: "" }, "4 KEY_INVALID"],
  ["a broken AGENT_VAULT_IDENTITY", [], { AGENT_VAULT_IDENTITY: "x" }, "4 KEY_INVALID"],
  ["an empty AGENT_VAULT_IDENTITY_FILE", [], { AGENT_VAULT_IDENTITY_FILE: "" }, "3 KEY_NOT_FOUND"],
  [
    "AGENT_VAULT_IDENTITY_FILE of no file",
    [],
    { AGENT_VAULT_IDENTITY_FILE: "x" },
    "3 KEY_NOT_FOUND",
  ],
  ["an empty AGENT_VAULT_AGENT", [], { AGENT_VAULT_AGENT: "" }, "2 NAME_INVALID"],
  ["an unknown AGENT_VAULT_AGENT", [], { AGENT_VAULT_AGENT: "nobody" }, "3 KEY_NOT_FOUND"],
  ["an agent without a grant", ["--agent", "temp"], {}, "4 NOT_GRANTED"],
  ["an empty AGENT_VAULT_TRUST", ["--owner"], { AGENT_VAULT_TRUST: "" }, "4 TRUST_MISMATCH"],
  ["a floor that is not a number", ["--owner"], { AGENT_VAULT_MIN_SERIAL: "x" }, "2 USAGE"],
  ["a floor for no record", ["--owner"], { AGENT_VAULT_MIN_SERIAL: "groups/stripe=1" }, "2 USAGE"],
]

test.each(WRONG)("%s: an error, and never the owner's key instead", (_, args, env, code) => {
  // At a terminal, where the owner's key would serve if nothing else were said.
  const ran = alice.atTerminal([...GET, ...args], { env })
  expect([ran.code, ran.stdout]).toEqual([Number(code[0]), expect.stringContaining(code.slice(2))])
})

test("of several sources the first decides, its failure is the error, and --owner goes with none", async () => {
  const env = {
    AGENT_VAULT_IDENTITY: await alice.identityOf("temp"),
    AGENT_VAULT_IDENTITY_FILE: agentKeyFile(vaultIdOf(alice), "ci", alice.env),
    AGENT_VAULT_AGENT: "ci",
  }
  expect(alice.code(GET, { env })).toBe("4 NOT_GRANTED")
  expect(alice.code([...GET, "--agent", "ci"], { env })).toBe("4 NOT_GRANTED")
  expect(alice.code([...GET, "--owner"], { env })).toBe("2 USAGE")
  expect(alice.code([...GET, "--owner", "--agent", "temp"])).toBe("2 USAGE")
})

test("a key of another vault, of nobody, and without an owner to trust", async () => {
  const other = new Machine(join(alice.folder, "other"), process.env)
  mkdirSync(other.top, { recursive: true })
  other.git("init", "--quiet", "-b", "main")
  await other.init()
  const key = ownerKeyFile(vaultIdOf(other), other.env)
  expect(alice.code([...GET, "--identity", key])).toBe("4 KEY_WRONG_VAULT")
  const identity = await generateIdentity("x25519")
  expect(alice.code(GET, { env: { AGENT_VAULT_IDENTITY: identity } })).toBe("4 NOT_GRANTED")
  const env = { AGENT_VAULT_IDENTITY: await alice.identityOf("ci"), XDG_STATE_HOME: other.folder }
  expect(alice.code(GET, { env })).toBe("4 UNTRUSTED")
})

test("a key file is refused in a work tree, under open permissions, and over another file", () => {
  const inside = join(alice.top, "ci.key")
  expect(alice.code(["agent", "recover", "ci", "--out", inside])).toBe("4 KEY_UNSAFE")
  expect(alice.code(["agent", "add", "new", "--out", join(alice.top, ".git/x")])).toBe(
    "4 KEY_UNSAFE",
  )
  symlinkSync(alice.top, join(alice.folder, "link"))
  const linked = join(alice.folder, "link/ci.key")
  expect(alice.code(["agent", "recover", "ci", "--out", linked])).toBe("4 KEY_UNSAFE")

  const taken = join(alice.folder, "taken.key")
  writeFileSync(taken, "precious")
  expect(alice.code(["agent", "recover", "ci", "--out", taken])).toBe("6 EXISTS")
  expect(alice.code(["agent", "add", "new", "--out", taken])).toBe("6 EXISTS")
  expect(readFileSync(taken, "utf8")).toBe("precious")
  symlinkSync(join(alice.folder, "elsewhere"), join(alice.folder, "dangling.key"))
  const dangling = join(alice.folder, "dangling.key")
  expect(alice.code(["agent", "recover", "ci", "--out", dangling])).toBe("6 EXISTS")
  expect(existsSync(join(alice.folder, "elsewhere"))).toBe(false)

  const own = ownerKeyFile(vaultIdOf(alice), alice.env)
  chmodSync(own, 0o644)
  expect(alice.code([...GET, "--owner"])).toBe("4 KEY_UNSAFE")
  expect(alice.code(["set", "stripe/x"], { stdin: "x" })).toBe("4 KEY_UNSAFE")
  expect(alice.run(["agent", "list"]).stdout).not.toContain("new ")
})

test("init does not overwrite a key or a vault, nor write a key into a work tree", () => {
  expect(alice.code(["init"])).toBe("6 EXISTS")
  const fresh = new Machine(join(alice.folder, "fresh"), process.env)
  mkdirSync(fresh.top, { recursive: true })
  fresh.git("init", "--quiet", "-b", "main")
  const env = { AGENT_VAULT_HOME: join(fresh.top, "keys") }
  expect(fresh.code(["init"], { env })).toBe("4 KEY_UNSAFE")
  expect(existsSync(fresh.vault)).toBe(false)
  expect(existsSync(join(fresh.top, "keys"))).toBe(false)
})

function typed(first: string, second: string): readonly Answer[] {
  return [
    ["(empty for none): ", first],
    ["again: ", second],
  ]
}

test("a passphrase: asked twice, mistyped, wrong, and through a descriptor; never shown", () => {
  const fresh = new Machine(join(alice.folder, "fresh"), process.env)
  mkdirSync(fresh.top, { recursive: true })
  fresh.git("init", "--quiet", "-b", "main")
  const mistyped = fresh.atTerminal(["init"], { answers: typed("correct horse", "correct hors") })
  expect([mistyped.code, mistyped.stdout]).toEqual([2, expect.stringContaining("not the same")])
  expect(existsSync(fresh.vault)).toBe(false)

  const made = fresh.atTerminal(["init"], {
    answers: [...typed("correct horse", "correct horse"), ["install the guard", "no"]],
  })
  expect(made.code).toBe(0)
  expect(mistyped.stdout + made.stdout).not.toContain("correct hors")
  expect(readFileSync(ownerKeyFile(vaultIdOf(fresh), fresh.env), "utf8")).toMatch(/^-----BEGIN AGE/)

  expect(fresh.code(["set", "a/b"], { stdin: "x" })).toBe("2 NO_TERMINAL")
  const wrong = fresh.atTerminal(["status", "--owner"], {
    answers: [["owner.key: ", "wrong horse"]],
  })
  expect([wrong.code, wrong.stdout]).toEqual([4, expect.stringContaining("PASSPHRASE_WRONG")])
  expect(wrong.stdout).not.toContain("wrong horse")
  const right = fresh.atTerminal(["status", "--owner"], {
    answers: [["owner.key: ", "correct horse"]],
  })
  expect(right.code).toBe(0)
})

test("what is given in the wrong place is not repeated", async () => {
  const key = await generateIdentity("x25519")
  const slips: readonly (readonly [readonly string[], Record<string, string>])[] = [
    [[...GET, "--identity", key], {}],
    [[...GET, "--agent", key], {}],
    [["get", key], {}],
    [["agent", "add", key], {}],
    [["agent", "add", "x", "--recipient", key], {}],
    [["grant", "ci", key], {}],
    [[key], {}],
    [GET, { AGENT_VAULT_IDENTITY_FILE: key }],
    [GET, { AGENT_VAULT_AGENT: key }],
    [GET, { AGENT_VAULT_IDENTITY: `${key}\n${key}` }],
    [GET, { AGENT_VAULT_IDENTITY: `${key}X` }],
    [GET, { AGENT_VAULT_TRUST: key, AGENT_VAULT_AGENT: "ci" }],
    [["status"], { AGENT_VAULT_IDENTITY_FILE: key }],
  ]
  // `run` itself holds everything that is said against keys.
  for (const [args, env] of slips) expect(alice.run(args, { env }).code).not.toBe(0)
})

test("a value in the arguments is refused, and not repeated", () => {
  const value = VALUES["stripe/api-key"]
  const before = alice.snapshot()
  const calls = [
    ["set", "stripe/api-key", value],
    ["set", `stripe/api-key=${value}`],
    ["set", "stripe/api-key", `-${value}`],
    ["set", "stripe/api-key", `--${value}`],
    ["set", "stripe/api-key", `--value=${value}`],
    ["set", "stripe/api-key", "--value", value],
    ["set", "stripe/api-key", `--generate=${value}`],
    ["set", "stripe/api-key", "--reveal", value],
  ]
  for (const args of calls) expect(alice.code(args, { stdin: "x" })).toMatch(/^2 /)
  expect(alice.snapshot()).toEqual(before)
})
