// `npm test`: installs and builds what is due, runs every suite, and ends with one line of totals.
// Arguments go to vitest, and then only vitest runs: `npm test -- test/core/age/age.test.ts`.
import { spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { ensureBuilt, ensureInstalled } from "./ensure.mjs"
import { temporaryFolder } from "./temporary.mjs"

/** @typedef {import("./test-totals.mjs").Totals} Totals */

const root = fileURLToPath(new URL("..", import.meta.url))
const pythonTests = "sdk-python-bridge/tests"
const args = process.argv.slice(2)

await ensureInstalled()
const suites = [await runBuild(), await runVitest()]
if (args.length === 0 && existsSync(join(root, pythonTests))) suites.push(await runPython())

close({
  passed: sum(suites.map((suite) => suite.passed)),
  failed: sum(suites.map((suite) => suite.failed)),
  skipped: suites.flatMap((suite) => suite.skipped),
})

/** @param {Totals} totals */
function close({ passed, failed, skipped }) {
  for (const { name, reason } of skipped) process.stdout.write(`skipped: ${name} (${reason})\n`)
  const ending = skipped.length > 0 ? `, ${skipped.length} skipped` : ""
  process.stdout.write(`${passed} passed, ${failed} failed${ending}\n`)
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0
}

/**
 * A build that fails is one failure; what does not need it is tested all the same.
 *
 * @returns {Promise<Totals>}
 */
async function runBuild() {
  const failed = await ensureBuilt().then(
    () => 0,
    () => 1,
  )
  return { passed: 0, failed, skipped: [] }
}

/** @returns {Promise<Totals>} */
async function runVitest() {
  const folder = mkdtempSync(join(temporaryFolder(), "agent-vault-test-"))
  // Tests act as other users, too.
  chmodSync(folder, 0o755)
  const report = join(folder, "totals.json")
  try {
    const vitest = join(root, "node_modules/vitest/vitest.mjs")
    const reporters = ["--reporter=default", "--reporter=./scripts/test-totals.mjs"]
    const { code } = await run(process.execPath, [vitest, "run", ...reporters, ...args], {
      TEST_TOTALS: report,
      // What a test that is killed leaves behind goes with this folder.
      TMPDIR: folder,
    })
    if (!existsSync(report)) return { passed: 0, failed: 1, skipped: [] }
    /** @type {Totals} */
    const totals = JSON.parse(readFileSync(report, "utf8"))
    // An exit code that no test explains is a failure of its own.
    if (code !== 0 && totals.failed === 0) totals.failed = 1
    return totals
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** @returns {Promise<Totals>} */
async function runPython() {
  process.stdout.write("agent-vault: tests of the Python package\n")
  const discover = ["-W", "error", "-m", "unittest", "discover", "--verbose"]
  const where = ["--top-level-directory", "sdk-python-bridge", "--start-directory", pythonTests]
  const { code, stderr } = await run("python3", [...discover, ...where])
  const ran = Number(/^Ran (\d+) tests?/m.exec(stderr)?.[1] ?? 0)
  const broken = ["failures", "errors", "unexpected successes"].map((kind) =>
    Number(new RegExp(`${kind}=(\\d+)`).exec(stderr)?.[1] ?? 0),
  )
  const skipped = [...stderr.matchAll(/^(\S+) .*\.\.\. skipped ['"](.*)['"]$/gm)].map((match) => ({
    name: match[1] ?? "",
    reason: match[2] ?? "",
  }))
  const failed = Math.max(sum(broken), code === 0 ? 0 : 1)
  return { passed: Math.max(ran - failed - skipped.length, 0), failed, skipped }
}

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0)
}

/**
 * Runs a suite with its output shown; resolves to its exit code and what it wrote to stderr.
 *
 * @param {string} command
 * @param {string[]} commandArgs
 * @param {Record<string, string>} env
 * @returns {Promise<{ code: number, stderr: string }>}
 */
function run(command, commandArgs, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, commandArgs, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "inherit", "pipe"],
    })
    let stderr = ""
    child.stderr.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      stderr += text
      process.stderr.write(text)
    })
    child.once("error", reject)
    child.once("close", (code) => resolve({ code: code ?? 1, stderr }))
  })
}
