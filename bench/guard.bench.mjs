import { spawnSync } from "node:child_process"
import { rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { performance } from "node:perf_hooks"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { newSite, remove, stage } from "./staged-files.mjs"
import { makeVault } from "./vaults.mjs"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))
const ROUNDS = 9

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
 * @param {import("./staged-files.mjs").Site} site
 * @returns {number} milliseconds
 */
function guard({ repo, env }) {
  const start = performance.now()
  const argv = [bin, "guard"]
  const { status, stderr } = spawnSync(process.execPath, argv, { cwd: repo, env, encoding: "utf8" })
  if (status !== 0) throw new Error(`guard ended with ${status}: ${stderr}`)
  return performance.now() - start
}
