import { spawnSync } from "node:child_process"
import { readFileSync, readdirSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type Machine, vaultMachine } from "./machine.js"

const folder = fileURLToPath(new URL("../../dist/cli/", import.meta.url))
const bin = join(folder, "bin.cjs")
const opened = fileURLToPath(new URL("opened.cjs", import.meta.url))

/** What tells that a chunk holds the code of a dependency, or the catalogue of services. */
const MARKS = {
  yargs: "YError",
  yaml: "parseDocument",
  "simple-git": "simple-git",
  services: "x-postmark-server-token",
}

let classic: Machine
let postQuantum: Machine

beforeAll(async () => {
  classic = await vaultMachine()
  postQuantum = await vaultMachine("--post-quantum")
})
afterAll(() => [classic, postQuantum].forEach((machine) => machine.remove()))

const GET = ["get", "stripe/api-key", "--agent", "ci"]
const RUN = ["run", "-s", "stripe/api-key", "--agent", "ci", "--", "printenv", "STRIPE_API_KEY"]

/** The files of the bundle that a command loads, and its output. */
function loadedBy(machine: Machine, command = GET): { value: string; loaded: string[] } {
  const log = join(machine.home, "opened")
  const { stdout } = spawnSync(process.execPath, ["--require", opened, bin, ...command], {
    cwd: machine.repo,
    env: { ...machine.env, OPENED_LOG: log },
    encoding: "utf8",
  })
  const files = JSON.parse(readFileSync(log, "utf8")) as string[]
  const loaded = files.filter((file) => dirname(file) === dirname(bin) && file.endsWith(".cjs"))
  return { value: stdout, loaded: loaded.map((file) => basename(file)) }
}

test.each([
  ["get", GET],
  ["run", RUN],
])("%s loads no yargs, no yaml, no git, no catalogue, and no curves", (_name, command) => {
  const { value, loaded } = loadedBy(classic, command)
  expect(value.trim()).toBe("v")
  expect(loaded).toContain("main.cjs")
  expect(loaded).not.toContain("curves.cjs")
  for (const [dependency, mark] of Object.entries(MARKS)) {
    const holders = readdirSync(folder).filter((file) =>
      readFileSync(join(folder, file), "utf8").includes(mark),
    )
    expect(holders, dependency).not.toEqual([])
    expect(loaded.filter((file) => holders.includes(file))).toEqual([])
  }
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
  expect(loaded).toContain("curves.cjs")
})
