// Makes all figures of docs/faults.md anew, and the page: `node scripts/figures.mjs [--sample N]
// [--seed N] [--seeds N] [--operations N]`. `--sample` limits the trials of each operation; without
// it everything is tried, which takes hours. Exit code 1: a promise was broken.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { say } from "./announced.mjs"
import { root } from "./build-places.mjs"
import { ensureBuilt } from "./ensure.mjs"
import { Machine } from "./faults/machine.mjs"
import { makeVault } from "./faults/operations.mjs"

/** How many write at once. */
const WRITERS = 20

const { values } = parseArgs({
  options: {
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "20" },
    operations: { type: "string", default: "500" },
  },
})
const folder = mkdtempSync(join(tmpdir(), "agent-vault-figures-"))

await ensureBuilt()
try {
  const sample = values.sample === undefined ? [] : ["--sample", values.sample]
  const json = ["--json", "docs/figures/faults.json"]
  const faults = run("faults", ["scripts/faults.mjs", "--seed", values.seed, ...sample, ...json])
  const attacks = tests("attacks", ["test/attack", "test/core/sync", "test/core/undone"])
  const properties = tests("random inputs", [
    "test/core/redactor",
    "test/core/records",
    "test/core/words",
  ])
  const month = run("a team's month", ["scripts/month.mjs", values.seeds, values.operations])
  const writers = { different: await writersOf("different"), same: await writersOf("same") }
  const figures = {
    on: new Date().toISOString().slice(0, 10),
    attacks,
    properties,
    month: { seeds: Number(values.seeds), operations: Number(values.operations), held: month.held },
    writers: { ...writers, of: WRITERS },
  }
  const file = join(root, "docs/figures/survival.json")
  writeFileSync(file, `${JSON.stringify(figures, null, 2)}\n`)
  run("the page", ["scripts/docs.mjs"])
  const landed = writers.different + writers.same === 2 * WRITERS
  const failed = attacks.failed + properties.failed
  process.exitCode = faults.held && month.held && landed && failed === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/**
 * @param {string} what
 * @param {string[]} args of node
 */
function run(what, args) {
  say(what)
  const started = Date.now()
  const options = { cwd: root, stdio: /** @type {const} */ ("inherit") }
  const { status } = spawnSync(process.execPath, args, options)
  return { held: status === 0, seconds: Math.round((Date.now() - started) / 1000) }
}

/**
 * Runs files of tests, and counts.
 *
 * @param {string} what
 * @param {string[]} files
 */
function tests(what, files) {
  const report = join(folder, "report.json")
  const vitest = join(root, "node_modules/vitest/vitest.mjs")
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`]
  const { seconds } = run(what, [vitest, "run", ...files, ...reporters])
  const { numPassedTests: passed, numFailedTests: failed } = JSON.parse(
    readFileSync(report, "utf8"),
  )
  return { passed, failed, seconds }
}

/**
 * How many of the writers landed that all began at once.
 *
 * @param {"different" | "same"} secrets
 */
async function writersOf(secrets) {
  say(`${WRITERS} writers, ${secrets} secrets`)
  const machine = new Machine(mkdtempSync(join(folder, "machine-")))
  machine.begin()
  await makeVault(machine)
  const before = Number(machine.git("rev-list", "--count", "HEAD"))
  const all = Array.from({ length: WRITERS }, (_, index) =>
    machine.run(["set", secrets === "same" ? "stripe/one" : `stripe/one-${index}`, "--generate"]),
  )
  await Promise.all(all)
  return Number(machine.git("rev-list", "--count", "HEAD")) - before
}
