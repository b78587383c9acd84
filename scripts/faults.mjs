// Lets every system call by which an operation changes a file fail, in every way, and looks whether
// the vault survives: `node scripts/faults.mjs [OPERATION…] [--sample N] [--from N] [--seed N]
// [--at WORDS] [--readers] [--workers N] [--json FILE]`. `--at` keeps the trials whose call, place
// and fault hold the words. Without a sample everything is tried, which takes hours; Ctrl-C ends it
// with what there is, and `--from N` goes on where N of each operation were made with the same
// seed. Exit code 1: a promise was broken.
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { say } from "./announced.mjs"
import { ensureBuilt } from "./ensure.mjs"
import { faultShim } from "./fault-shim.mjs"
import { tryFaults } from "./faults/harness.mjs"

/**
 * @typedef {import("./faults/trial.mjs").Case} Case
 * @typedef {import("./faults/trial.mjs").Found} Found
 * @typedef {import("./faults/harness.mjs").Figures} Figures
 */

const SAID_EVERY_MS = 10_000
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: "string" },
    from: { type: "string", default: "0" },
    seed: { type: "string", default: "1" },
    at: { type: "string", default: "" },
    readers: { type: "boolean", default: false },
    workers: { type: "string" },
    json: { type: "string" },
  },
})

await ensureBuilt()
const shim = await faultShim()
if ("missing" in shim) {
  process.stderr.write(`${shim.missing}\n`)
  process.exitCode = 3
} else {
  await tryAll(shim.path)
}

/** @param {string} path of the shim */
async function tryAll(path) {
  /** @type {object[]} */
  const failures = []
  /** @type {string[]} */
  const missed = []
  const stop = new AbortController()
  process.once("SIGINT", () => stop.abort())
  let said = Date.now()
  const figures = await tryFaults({
    shim: path,
    operations: positionals,
    seed: Number(values.seed),
    from: Number(values.from),
    readers: values.readers,
    signal: stop.signal,
    ...(values.sample === undefined ? {} : { sample: Number(values.sample) }),
    ...(values.workers === undefined ? {} : { workers: Number(values.workers) }),
    only: ({ call, place, nth }, { name }) =>
      `${call} ${place} ${nth}, ${name}`.includes(values.at),
    onTrial: (trial, found, done, all) => {
      if (!found.isReached) missed.push(trialName(trial))
      if (found.broken.length > 0) {
        failures.push(failureOf(trial, found))
        process.stdout.write(`${failureLine(trial, found)}\n`)
        keep({ failures, missed })
      }
      if (Date.now() - said < SAID_EVERY_MS) return
      said = Date.now()
      say(`${done} of ${all} trials, ${failures.length} broke a promise`)
    },
  })
  process.stdout.write(tableOf(figures))
  keep({ made: circumstances(), figures, failures, missed })
  process.exitCode = failures.length > 0 ? 1 : 0
}

/**
 * @param {Case} trial
 * @param {Found} found
 */
function failureOf({ operation, point, fault, next }, { broken, ended }) {
  const { code, signal, said } = ended
  return {
    operation: operation.name,
    ...point,
    fault: fault.name,
    next,
    broken,
    code,
    signal,
    said,
  }
}

/**
 * @param {Case} trial
 * @param {Found} found
 */
function failureLine(trial, { broken }) {
  const what = broken.map((each) => `  ${each.promise}: ${each.what.trim().split("\n")[0]}`)
  return [trialName(trial), ...what].join("\n")
}

/** @param {Case} trial */
function trialName({ operation, point: { call, place, nth }, fault }) {
  return `${operation.name}: ${call} ${place} ${nth}, ${fault.name}`
}

/** @param {Figures[]} figures */
function tableOf(figures) {
  const rows = figures.map(({ operation, points, cases, trials, held, unreached }) =>
    rowOf(operation, [points, cases, trials, held, unreached]),
  )
  return [rowOf("operation", ["points", "cases", "trials", "held", "missed"]), ...rows].join("")
}

/**
 * @param {string} name
 * @param {unknown[]} columns
 */
function rowOf(name, columns) {
  return `${name.padEnd(20)}${columns.map((column) => String(column).padStart(8)).join("")}\n`
}

/** When, with what, and which sample. */
function circumstances() {
  const git = execFileSync("git", ["--version"], { encoding: "utf8" }).trim()
  const on = new Date().toISOString().slice(0, 10)
  return { on, git, node: process.versions.node, seed: values.seed, from: Number(values.from) }
}

/** @param {object} document */
function keep(document) {
  if (values.json === undefined) return
  writeFileSync(values.json, `${JSON.stringify(document, null, 2)}\n`)
}
