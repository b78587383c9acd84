import { spawnSync } from "node:child_process"
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { copyProgram } from "../folders.js"
import { type Machine, vaultMachine } from "./machine.js"

/** A copy of the built command, beside which it keeps nothing, so that it opens each chunk it loads. */
const folder = mkdtempSync(join(tmpdir(), "agent-vault-program-"))
const bin = join(folder, "bin.cjs")
const preload = fileURLToPath(new URL("opened.cjs", import.meta.url))

/** What tells that a chunk holds the code of a dependency, or the catalogue of services. */
const MARKS = {
  yargs: "YError",
  yaml: "parseDocument",
  "simple-git": "simple-git",
  "age-encryption": "unrecognized identity type",
  services: "x-postmark-server-token",
  "the policy language": "homogeneousAggregateLiterals",
}

let classic: Machine
let postQuantum: Machine

beforeAll(async () => {
  copyProgram(folder)
  chmodSync(folder, 0o777)
  classic = await vaultMachine()
  postQuantum = await vaultMachine("--post-quantum")
})
afterAll(() => {
  for (const machine of [classic, postQuantum]) machine.remove()
  rmSync(folder, { recursive: true })
})

const GET = ["get", "stripe/api-key", "--agent", "ci"]
const RUN = ["run", "-s", "stripe/api-key", "--agent", "ci", "--", "printenv", "STRIPE_API_KEY"]

function readText(name: string): string {
  return name.endsWith(".cjs") ? readFileSync(join(folder, name), "utf8") : ""
}

/** The files of the bundle that a command loads, the other files that it opens, and its output. */
function loadedBy(
  machine: Machine,
  command = GET,
): { value: string; loaded: string[]; others: string[] } {
  const log = join(machine.home, "opened")
  const { stdout } = spawnSync(process.execPath, ["--require", preload, bin, ...command], {
    cwd: machine.repo,
    env: { ...machine.env, OPENED_LOG: log },
    encoding: "utf8",
  })
  const files = JSON.parse(readFileSync(log, "utf8")) as string[]
  const loaded = files.filter((file) => dirname(file) === dirname(bin) && file.endsWith(".cjs"))
  const others = files.filter((file) => dirname(file) !== dirname(bin))
  return { value: stdout, loaded: loaded.map((file) => basename(file)), others }
}

test.each([
  ["get", GET],
  ["run", RUN],
])(
  "%s loads no yargs, no yaml, no git, no age-encryption, no catalogue, and no curves",
  (_name, command) => {
    const { value, loaded } = loadedBy(classic, command)
    expect(value.trim()).toBe("v")
    expect(loaded).toContain("main.cjs")
    expect(loaded).not.toContain("portable.cjs")
    for (const [dependency, mark] of Object.entries(MARKS)) {
      const holders = readdirSync(folder).filter((file) =>
        readFileSync(join(folder, file), "utf8").includes(mark),
      )
      expect(holders, dependency).not.toEqual([])
      expect(loaded.filter((file) => holders.includes(file))).toEqual([])
    }
  },
)

test("get loads of Node what it needs: no sockets, no WebCrypto, no parser of arguments", () => {
  const [log, modules] = ["opened", "modules"].map((name) => join(classic.home, name))
  const { stdout } = spawnSync(process.execPath, ["--require", preload, bin, ...GET], {
    cwd: classic.repo,
    env: { ...classic.env, OPENED_LOG: log, MODULES_LOG: modules },
    encoding: "utf8",
  })
  expect(stdout).toBe("v")
  const loaded = (JSON.parse(readFileSync(modules ?? "", "utf8")) as string[]).map((name) => {
    return name.replace("NativeModule ", "")
  })
  const parser = "internal/util/parse_args/parse_args"
  const costly = new Set(["net", "tty", "internal/crypto/webcrypto", parser])
  expect(loaded).toContain("crypto")
  expect(loaded.filter((name) => costly.has(name))).toEqual([])
})

test("what yargs has to understand reads no package.json of the folder", () => {
  const file = join(classic.repo, "package.json")
  writeFileSync(file, "{}\n")
  const { loaded, others } = loadedBy(classic, ["list", "--no-such-option"])
  rmSync(file)
  expect(loaded.some((name) => readText(name).includes(MARKS.yargs))).toBe(true)
  expect(others.filter((name) => basename(name) === "package.json")).toEqual([])
})

test("guard loads nothing to explain with unless that is asked", () => {
  const file = join(classic.repo, "notes.txt")
  writeFileSync(file, "nothing of interest\n")
  const mark = "filled in from elsewhere"
  const holders = readdirSync(folder).filter((name) => readText(name).includes(mark))
  expect(holders).toHaveLength(1)
  const explained = loadedBy(classic, ["guard", "--explain", file])
  expect(explained.value).toContain("no rule matched")
  expect(explained.loaded).toContain(holders[0])
  const { loaded } = loadedBy(classic, ["guard", file])
  rmSync(file)
  expect(loaded.some((name) => name.startsWith("scan"))).toBe(true)
  expect(loaded.filter((name) => holders.includes(name) || /explain/.test(name))).toEqual([])
})

test.each([
  ["get", GET],
  ["run", RUN],
  ["guard", ["guard", "--stdin"]],
])("%s loads no table of commands, and no text that V8 would have to decode", (_what, command) => {
  const { loaded } = loadedBy(classic, command)
  const texts = loaded.map((name) => readFileSync(join(folder, name), "utf8"))
  const summary = "stop a commit that holds a key, a credential"
  expect(readdirSync(folder).some((name) => readText(name).includes(summary))).toBe(true)
  expect(texts.filter((text) => text.includes(summary))).toEqual([])
  // oxlint-disable-next-line no-control-regex
  expect(texts.flatMap((text) => /[^\x00-\x7f]/.exec(text) ?? [])).toEqual([])
})

test("run --blind loads nothing to ask with before there is a question", async () => {
  const machine = classic.copy()
  await machine.call(["use", "stripe/api-key", "stripe", "--yes"])
  const program = ["--", "printenv", "STRIPE_API_KEY"]
  const blind = ["run", "--blind", "--isolate", "none", "-s", "stripe/api-key", "--agent", "ci"]
  const { value, loaded } = loadedBy(machine, [...blind, ...program])
  machine.remove()
  expect(value.trim()).toMatch(/^sk_/)
  expect(loaded.some((file) => file.startsWith("blind-run"))).toBe(true)
  const askers = readdirSync(folder).filter((file) => /^(?:question-page|desktop)-/.test(file))
  expect(askers).toHaveLength(2)
  expect(loaded.filter((file) => askers.includes(file))).toEqual([])
})

test("curves are loaded where keys are post-quantum", () => {
  const { value, loaded } = loadedBy(postQuantum)
  expect(value).toBe("v")
  expect(loaded).toContain("portable.cjs")
})

/** How often a command opens each file of the vault, but for vault.json and folders. */
function opened(command: readonly string[]): Record<string, number> {
  // The first time, this machine remembers what it sees, which changes what the read was based on.
  expect(loadedBy(classic, [...command]).value.trim()).toBe("v")
  const { value, others } = loadedBy(classic, [...command])
  expect(value.trim()).toBe("v")
  const counts: Record<string, number> = {}
  for (const file of others) {
    const [, path] = /\/\.agent-vault\/(.+\..+)$/.exec(file) ?? []
    if (path === undefined || path === "vault.json") continue
    counts[path] = (counts[path] ?? 0) + 1
  }
  return counts
}

function timesOfVaultRecord(command: readonly string[]): number {
  // The first time, this machine remembers what it sees.
  loadedBy(classic, [...command])
  const { others } = loadedBy(classic, [...command])
  return others.filter((file) => file.endsWith("/.agent-vault/vault.json")).length
}

describe("of the vault's files", () => {
  const TWO = ["-s", "stripe/api-key", "-s", "stripe/webhook"]
  const PRINT = ["--", "printenv", "STRIPE_API_KEY"]

  const GROUP = { "groups/stripe.age": 1, "groups/stripe.json": 1 }
  const API_KEY = { "secrets/stripe/api-key.age": 1, "secrets/stripe/api-key.json": 1 }
  const WEBHOOK = { "secrets/stripe/webhook.age": 1, "secrets/stripe/webhook.json": 1 }

  const BOTH = { ...GROUP, ...API_KEY, ...WEBHOOK }

  test.each([
    ["get", GET, { ...GROUP, ...API_KEY }],
    ["run with one secret", RUN, { ...GROUP, ...API_KEY }],
    ["run with two", ["run", "--agent", "ci", ...TWO, ...PRINT], BOTH],
    ["run with a group", ["run", "--agent", "ci", "-g", "stripe", ...PRINT], BOTH],
    [
      "run with two",
      ["run", "--agent", "ci", ...TWO, ...PRINT],
      { ...GROUP, ...API_KEY, ...WEBHOOK },
    ],
  ])("%s opens each that it needs once, and no other", (_what, command, files) => {
    expect(opened(command)).toEqual(files)
  })

  test("vault.json is opened for who it is, for the key, for the audit, and to be verified", () => {
    expect([GET, RUN].map(timesOfVaultRecord)).toEqual([4, 6])
  })
})

describe("of the program's files", () => {
  // More is no fault by itself: it says that the start of every such command costs more.
  test.each([
    ["get", GET, 14, 539_500],
    ["run", RUN, 15, 614_500],
    ["guard", ["guard"], 33, 965_500],
    ["completion", ["completion", "bash"], 15, 506_000],
  ])("%s loads no more than are pinned here", (_what, command, most, bytes) => {
    const { loaded } = loadedBy(classic, command)
    const sizes = loaded.map((file) => statSync(join(folder, file)).size)
    expect(loaded.length).toBeGreaterThan(5)
    expect(loaded.length).toBeLessThanOrEqual(most)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(bytes)
  })
})
