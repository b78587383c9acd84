import { spawnSync } from "node:child_process"
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { env } from "node:process"
import type { TestProject } from "vitest/node"
import { ensureBuilt } from "../scripts/ensure.mjs"
import { temporaryFolder } from "../scripts/temporary.mjs"
import { SHARED, makeUsedProgram } from "./folders.js"

/**
 * Tests run the built command: `npm test` has built it; a bare `vitest` does it here. What they make
 * lies in one folder, and a run in which a test left something behind fails.
 */
export default async function setup(project: TestProject): Promise<() => void> {
  if (!env["TEST_TOTALS"]) await ensureBuilt()
  const folder = realpathSync(mkdtempSync(join(temporaryFolder(), "agent-vault-tests-")))
  // Tests act as other users, too.
  chmodSync(folder, 0o755)
  env["TMPDIR"] = folder
  findPython(folder)
  if (env["TEST_TOTALS"]) makeUsedProgram(folder)
  const shared = (): string[] => readdirSync(folder).filter((name) => name.startsWith(SHARED))
  const remove = (name: string): void => rmSync(join(folder, name), { recursive: true })
  // The sources may be others by then.
  project.onTestsRerun(() => shared().forEach(remove))
  return () => {
    shared().forEach(remove)
    const left = readdirSync(folder)
      .filter((name) => name.startsWith("agent-vault-"))
      .map((name) => `${name} (${heldBy(join(folder, name))})`)
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    // What was made for tests that `-t` left out is not removed by them.
    const isWhole = project.config.testNamePattern === undefined
    if (isWhole && left.length > 0) throw new Error(`tests left behind: ${left.join(" ")}`)
  }
}

/** What is in a folder, or was: by that one finds who wrote it, be it after the folder was removed. */
function heldBy(path: string): string {
  const shown = 8
  try {
    const held = readdirSync(path, { recursive: true, encoding: "utf8" })
    const more = held.length > shown ? [`${held.length - shown} more`] : []
    return [...held.slice(0, shown), ...more].join(", ") || "empty"
  } catch (error) {
    return String(error)
  }
}

/**
 * Puts the real python3 first: that of a version manager is a script which looks for it at each
 * start, and takes longer than Python itself.
 */
function findPython(folder: string): void {
  const ask = ["-c", "import sys; print(sys.executable)"]
  const found = spawnSync("python3", ask, { encoding: "utf8" }).stdout?.trim()
  const path = env["PATH"] ?? ""
  if (!found || path.split(delimiter).includes(dirname(found))) return
  const bin = join(folder, "bin")
  mkdirSync(bin)
  symlinkSync(found, join(bin, "python3"))
  env["PATH"] = `${bin}${delimiter}${path}`
}
