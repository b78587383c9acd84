// `npm run bench [-- NAME...] [--runs N] [--json]`: runs every bench/*.bench.mjs, or those whose
// names contain a NAME, and prints one table. The budgets are those of docs/performance.md.
//
// A benchmark exports a default function that takes a `Bench` and measures with it:
//
//   export default async ({ command, call, node }) => {
//     await command("get, cold", [node, bin, "get", "a/b"], { budget: 2.0 })
//     await call("get, warm", () => vault.get("a/b"), { budget: 0.1 })
//   }
import { fork, spawnSync } from "node:child_process"
import { once } from "node:events"
import { readdirSync } from "node:fs"
import { performance } from "node:perf_hooks"
import { parseArgs } from "node:util"
import { undistorted } from "./environment.mjs"

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {number} median
 * @property {number} fastest
 * @property {string} [unit] milliseconds, if it is not there
 * @property {number} [ratio] the median of the ratios, pair by pair, to the command compared with
 * @property {number} [budget] what the ratio, or without one the median, should not exceed
 */
/** @typedef {{ cwd?: string, env?: NodeJS.ProcessEnv }} Surroundings */
/**
 * @typedef {object} CommandOptions
 * @property {readonly string[]} [against] the command to compare with; `node -e 0` by default
 * @property {Surroundings} [againstIn] where that runs; in this process's folder and environment
 *   by default
 * @property {number} [budget] the largest good ratio
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env] on top of this process's own
 * @property {string | Uint8Array} [input] what stdin holds
 * @property {number} [runs]
 * @property {() => unknown} [before] runs before each run, not timed
 */
/**
 * @typedef {object} CallOptions
 * @property {() => unknown} [against] what to compare with, in turn
 * @property {number} [budget] the largest good ratio if it is compared, else the largest good
 *   median, in milliseconds
 * @property {number} [runs]
 * @property {() => unknown} [before] runs before each run, not timed
 */
/** @typedef {typeof bench} Bench */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: "string" }, json: { type: "boolean" } },
})

const node = process.execPath
const usual = values.runs === undefined ? 15 : Number(values.runs)

/** @type {Row[]} */
const rows = []
/**
 * What times processes: small, whatever this process grows to.
 *
 * @type {import("node:child_process").ChildProcess}
 */
let timer

/**
 * Times whole processes: the command and what it is compared with in turn, A B A B, so that a
 * machine that changes its speed changes both.
 *
 * @param {string} name
 * @param {readonly string[]} argv
 * @param {CommandOptions} [options]
 */
async function command(name, argv, options = {}) {
  const {
    against = [node, "-e", "0"],
    budget,
    againstIn = {},
    before,
    runs = usual,
    ...spawning
  } = options
  /** @type {number[]} */
  const times = []
  /** @type {number[]} */
  const ratios = []
  for (let run = -2; run < runs; run += 1) {
    await before?.()
    const time = await timeProcess(argv, spawning)
    const base = await timeProcess(against, againstIn)
    if (run < 0) continue
    times.push(time)
    ratios.push(time / base)
  }
  add({ name, ...summary(times), ratio: median(ratios) }, budget)
}

/**
 * Times a function in this process; what it returns is awaited.
 *
 * @param {string} name
 * @param {() => unknown} work
 * @param {CallOptions} [options]
 */
async function call(name, work, { against, budget, before, runs = usual } = {}) {
  /** @type {number[]} */
  const times = []
  /** @type {number[]} */
  const ratios = []
  for (let run = -2; run < runs; run += 1) {
    await before?.()
    const time = await timeCall(work)
    const base = against === undefined ? undefined : await timeCall(against)
    if (run < 0) continue
    times.push(time)
    if (base !== undefined) ratios.push(time / base)
  }
  const ratio = ratios.length === 0 ? {} : { ratio: median(ratios) }
  add({ name, ...summary(times), ...ratio }, budget)
}

/**
 * Notes what was measured elsewhere: in processes that measure themselves, say.
 *
 * @param {string} name
 * @param {readonly number[]} times in milliseconds, or in `unit`
 * @param {{ budget?: number, unit?: string }} [options]
 */
function reported(name, times, { budget, ...unit } = {}) {
  add({ name, ...summary([...times]), ...unit }, budget)
}

/**
 * @param {Row} row
 * @param {number | undefined} budget
 */
function add(row, budget) {
  rows.push(budget === undefined ? row : { ...row, budget })
  if (!values.json) process.stderr.write(".")
}

/**
 * @param {() => unknown} work
 * @returns {Promise<number>} milliseconds
 */
async function timeCall(work) {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/**
 * @param {readonly string[]} argv
 * @param {Pick<CommandOptions, "cwd" | "env" | "input">} options
 * @returns {Promise<number>} milliseconds
 */
async function timeProcess(argv, { env, ...options }) {
  timer.send([argv, { ...options, env: { ...process.env, ...env } }])
  const [{ time, failed }] = await once(timer, "message")
  if (failed !== undefined) throw new Error(`${argv.join(" ")}: ${failed}`)
  return time
}

/** @param {number[]} times */
function summary(times) {
  return { median: median(times), fastest: Math.min(...times) }
}

/** @param {number[]} numbers */
function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2
}

function table() {
  const cells = rows.map(({ name, median: middle, fastest, ratio, budget, unit = "ms" }) => [
    name,
    `${middle.toFixed(2)} ${unit}`,
    `${fastest.toFixed(2)} ${unit}`,
    ratio === undefined ? "" : `${ratio.toFixed(2)} x`,
    budget === undefined
      ? ""
      : ratio === undefined
        ? `${budget} ${unit}`
        : `${budget.toFixed(1)} x`,
    budget === undefined ? "" : (ratio ?? middle) <= budget ? "ok" : "OVER",
  ])
  const all = [["", "median", "fastest", "ratio", "budget", ""], ...cells]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all
    .map((row) =>
      row.map((cell, i) =>
        i === 0 ? cell.padEnd(widths?.[0] ?? 0) : cell.padStart(widths?.[i] ?? 0),
      ),
    )
    .map((row) => `${row.join("  ").trimEnd()}\n`)
    .join("")
}

async function runAll() {
  const folder = new URL("./", import.meta.url)
  const files = readdirSync(folder)
    .filter((file) => file.endsWith(".bench.mjs"))
    .filter((file) => positionals.length === 0 || positionals.some((name) => file.includes(name)))
    .toSorted()
  timer = fork(new URL("time-process.mjs", folder), { serialization: "advanced" })
  for (const file of files) {
    const { default: measure } = await import(new URL(file, folder).href)
    await measure(bench)
  }
  timer.disconnect()
  process.stdout.write(values.json ? `${JSON.stringify(rows)}\n` : `\n${table()}`)
}

/** `node` is the Node that runs this, for commands. */
const bench = { node, command, call, reported }
const env = undistorted(process.env)
if (Object.keys(env).length === Object.keys(process.env).length) await runAll()
else {
  // This process began with what distorts: another one measures.
  const again = spawnSync(node, process.argv.slice(1), { env, stdio: "inherit" })
  process.exitCode = again.status ?? 1
}
