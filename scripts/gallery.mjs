// Counts the attacks on the broker of test/attack/broker, and what came of them: `node
// scripts/gallery.mjs` writes docs/figures/gallery.json, and the table of docs/broker.md. Exit code
// 1: an attack was not held off, or what is expected to leak did not.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { root } from "./build-places.mjs"

/** Its tests assert that something leaks. */
const LEAKS = "leaks-expected"

const folder = mkdtempSync(join(tmpdir(), "agent-vault-gallery-"))
try {
  const report = join(folder, "report.json")
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`]
  node("node_modules/vitest/vitest.mjs", "run", "test/attack/broker", ...reporters)
  const { testResults } = JSON.parse(readFileSync(report, "utf8"))
  const chapters = testResults.map(chapterOf).sort(byName)
  const on = new Date().toISOString().slice(0, 10)
  const text = `${JSON.stringify({ on, chapters }, null, 2)}\n`
  writeFileSync(join(root, "docs/figures/gallery.json"), text)
  node("scripts/docs.mjs")
  const isHeld = chapters.every((/** @type {Chapter} */ each) => each.failed === 0)
  process.exitCode = isHeld ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** @typedef {{ chapter: string, held: number, leaks: number, failed: number, skipped: number }} Chapter */

/**
 * @param {{ name: string, assertionResults: { status: string }[] }} file
 * @returns {Chapter}
 */
function chapterOf({ name, assertionResults }) {
  const chapter = basename(name, ".test.ts")
  const count = (/** @type {string} */ status) =>
    assertionResults.filter((each) => each.status === status).length
  const passed = count("passed")
  const isLeak = chapter === LEAKS
  const skipped = count("skipped") + count("pending")
  return {
    chapter,
    held: isLeak ? 0 : passed,
    leaks: isLeak ? passed : 0,
    failed: count("failed"),
    skipped,
  }
}

/**
 * @param {Chapter} one
 * @param {Chapter} other
 */
function byName(one, other) {
  return one.chapter < other.chapter ? -1 : 1
}

/** @param {string[]} args */
function node(...args) {
  spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" })
}
