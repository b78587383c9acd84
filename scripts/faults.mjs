// Lets every system call by which an operation changes a file fail, in every way, and looks whether
// the vault survives: `node scripts/faults.mjs [OPERATION…] [--sample N] [--seed N] [--json FILE]`.
// Without a sample it tries everything, which takes hours. Exit code 1: a promise was broken.
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { say } from "./announced.mjs"
import { ensureBuilt } from "./ensure.mjs"
import { faultShim } from "./fault-shim.mjs"
import { tryFaults } from "./faults/harness.mjs"

const SAID_EVERY_MS = 10_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    workers: { type: "string" },
    json: { type: "string" },
  },
})

await ensureBuilt()
const shim = await faultShim()
if ("missing" in shim) {
  process.stderr.write(`${shim.missing}\n`)
  process.exit(3)
}

/** @type {object[]} */
const failures = []
let said = Date.now()
const figures = await tryFaults({
  shim: shim.path,
  operations: positionals,
  seed: Number(values.seed),
  ...(values.sample === undefined ? {} : { sample: Number(values.sample) }),
  ...(values.workers === undefined ? {} : { workers: Number(values.workers) }),
  onTrial: ({ operation, point, fault, next }, { broken, ended }, done, all) => {
    if (broken.length > 0) {
      const { code, signal, said: words } = ended
      const { call, place, nth, program } = point
      failures.push({ operation: operation.name, call, place, nth, program, fault: fault.name, next, broken, code, signal, words })
      const what = broken.map(({ promise, what: how }) => `${promise}: ${how.split("\n")[0]}`)
      process.stdout.write(`${operation.name} | ${call} ${place} ${nth} | ${fault.name} | ${what.join("; ")}\n`)
      if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ failures }, null, 2))
    }
    if (Date.now() - said < SAID_EVERY_MS) return
    said = Date.now()
    say(`${done} of ${all} trials, ${failures.length} broke a promise`)
  },
})

process.stdout.write("operation            points  trials    held\n")
for (const { operation, points, trials, held } of figures) {
  const columns = [points, trials, held].map((number) => String(number).padStart(8))
  process.stdout.write(`${operation.padEnd(19)}${columns.join("")}\n`)
}
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ figures, failures }, null, 2)}\n`)
}
process.exitCode = failures.length > 0 ? 1 : 0
