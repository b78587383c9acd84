import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { performance } from "node:perf_hooks"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { makeVault } from "./vaults.mjs"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))
const ROUNDS = 9
const SOURCES = [
  "README.md",
  "package.json",
  "docs/architecture.md",
  "src/cli/terminal/line.ts",
  "src/core/commit/transaction.ts",
  "src/precommit/detect/detect.ts",
  "scripts/ensure.mjs",
  "examples/README.md",
  "tsconfig.json",
  ".oxlintrc.json",
]

/** @typedef {{ repo: string, env: Record<string, string | undefined> }} Site */

/** @param {import("./run.mjs").Bench} bench */
export default async (bench) => {
  await fewFiles(bench)
  await manyFiles(bench)
  await besideVault(bench)
}

/**
 * Of 300 bytes; then of 2,000, in which tokens and passwords are the talk of every other line.
 *
 * @param {import("./run.mjs").Bench} bench
 */
async function fewFiles({ command, node }) {
  for (const size of [300, 2_000]) {
    const few = newSite()
    stage(few, 10, size)
    const at = { cwd: few.repo, env: few.env, budget: 3 }
    await command(`guard, 10 staged files of ${size} bytes`, [node, bin, "guard"], at)
    remove(few)
  }
}

/** @param {import("./run.mjs").Bench} bench */
async function manyFiles({ call }) {
  const many = newSite()
  stage(many, 1_000, 10_000)
  await call("guard, 1000 staged files, 10 MB", () => guard(many), { budget: 2000, runs: 5 })
  remove(many)
}

/**
 * The same ten files in a repository with a vault, first without a key that opens it.
 *
 * @param {import("./run.mjs").Bench} bench
 */
async function besideVault({ call, reported }) {
  const { repo, env, keyFiles } = await makeVault({ secrets: 1_000 })
  const [AGENT_VAULT_IDENTITY_FILE] = keyFiles
  const without = { repo, env }
  const withKey = { repo, env: { ...env, AGENT_VAULT_IDENTITY_FILE } }
  stage(without, 10, 2_000)
  // What changed this very moment is not remembered: its times could not tell another change.
  await sleep(1_000)
  const state = join(env["HOME"] ?? dirname(repo), ".local/state/agent-vault")
  const forget = () => rmSync(state, { recursive: true, force: true })
  const firstRun = { before: forget, runs: 3 }
  await call("guard, 10 files, 1000 secrets, first run", () => guard(withKey), firstRun)
  guard(withKey)
  const pairs = Array.from({ length: ROUNDS }, () => [guard(withKey), guard(without)])
  reported(
    "guard, 10 files, 1000 secrets, no key",
    pairs.map(([, bare = NaN]) => bare),
  )
  reported(
    "guard, 10 files, 1000 secrets",
    pairs.map(([looked = NaN]) => looked),
  )
  reported(
    "what the 1000 secrets add",
    pairs.map(([looked = NaN, bare = NaN]) => looked - bare),
    { budget: 300 },
  )
  remove(without)
}

/**
 * @param {Site} site
 * @returns {number} milliseconds
 */
function guard({ repo, env }) {
  const start = performance.now()
  const argv = [bin, "guard"]
  const { status, stderr } = spawnSync(process.execPath, argv, { cwd: repo, env, encoding: "utf8" })
  if (status !== 0) throw new Error(`guard ended with ${status}: ${stderr}`)
  return performance.now() - start
}

/** A repository with one commit, of somebody without a configuration. */
function newSite() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-bench-")))
  const repo = join(folder, "repo")
  const { PATH } = process.env
  const env = { PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: "1" }
  execFileSync("git", ["init", "--quiet", "--initial-branch", "main", repo], { env })
  return { repo, env }
}

/**
 * Stages pieces of this project: text as people write it, in the formats that are in most commits.
 *
 * @param {Site} site
 * @param {number} count
 * @param {number} size of each, in bytes
 */
function stage({ repo, env }, count, size) {
  for (let index = 0; index < count; index += 1) {
    const source = SOURCES[index % SOURCES.length] ?? ""
    const text = readFileSync(new URL(`../${source}`, import.meta.url), "latin1")
    const file = join(repo, `src/${index % 10}/${index}-${basename(source)}`)
    mkdirSync(dirname(file), { recursive: true })
    const from = (Math.floor(index / SOURCES.length) * 997) % Math.max(1, text.length - size)
    writeFileSync(file, `${index}\n${text.repeat(1 + size / text.length).slice(from, from + size)}`)
  }
  execFileSync("git", ["add", "src"], { cwd: repo, env })
}

/** @param {Site} site */
function remove({ repo }) {
  rmSync(dirname(repo), { recursive: true, force: true, maxRetries: 3 })
}
