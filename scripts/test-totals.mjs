// A vitest reporter that writes what `npm test` sums up to the file named by TEST_TOTALS.
import { writeFileSync } from "node:fs"

/**
 * @typedef {object} Totals
 * @property {number} passed
 * @property {number} failed
 * @property {{ name: string, reason: string }[]} skipped
 */

/** Vitest names a file when it is done, which may take a minute; so long nobody waits in silence. */
const SAID_EVERY_MS = 10_000
/** So many files are named with the time they took: where to begin when the run takes too long. */
const SLOWEST = 20

/** @implements {Reporter} */
export default class TestTotals {
  #files = 0
  #ended = 0
  /** @type {NodeJS.Timeout | undefined} */
  #clock

  /** @param {readonly unknown[]} files */
  onTestRunStart(files) {
    this.#files = files.length
    process.stdout.write(`agent-vault: ${this.#files} files of tests\n`)
    this.#clock = setInterval(() => {
      process.stdout.write(`agent-vault: ${this.#ended} of ${this.#files} files of tests done\n`)
    }, SAID_EVERY_MS)
  }

  onTestModuleEnd() {
    this.#ended += 1
  }

  /**
   * @param {readonly import("vitest/node").TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    clearInterval(this.#clock)
    sayTimes(modules)
    /** @type {Totals} */
    const totals = { passed: 0, failed: unhandledErrors.length, skipped: [] }
    for (const module of modules) {
      // A file or a suite that could not be loaded, or whose hook failed, has no failed test.
      totals.failed += module.errors().length
      for (const suite of module.children.allSuites()) totals.failed += suite.errors().length
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === "passed") totals.passed += 1
        else if (result.state === "failed") totals.failed += 1
        else {
          const note = result.state === "skipped" ? result.note : undefined
          totals.skipped.push({ name: test.fullName, reason: note ?? "no reason given" })
        }
      }
    }
    const path = process.env["TEST_TOTALS"]
    if (path) writeFileSync(path, JSON.stringify(totals))
  }
}

/**
 * Says which files took the time: seconds of a worker, with its waiting for cores and processes.
 *
 * @param {readonly import("vitest/node").TestModule[]} modules
 */
function sayTimes(modules) {
  const times = modules.map((module) => {
    const { duration, collectDuration } = module.diagnostic()
    return { path: module.relativeModuleId, seconds: (duration + collectDuration) / 1000 }
  })
  const all = times.reduce((sum, { seconds }) => sum + seconds, 0)
  process.stdout.write(`agent-vault: ${all.toFixed(0)} s in ${times.length} files; most in\n`)
  const slowest = times.toSorted((one, other) => other.seconds - one.seconds).slice(0, SLOWEST)
  for (const { path, seconds } of slowest) {
    process.stdout.write(`agent-vault: ${seconds.toFixed(1).padStart(7)} s  ${path}\n`)
  }
}

/** @import { Reporter } from "vitest/node" */
