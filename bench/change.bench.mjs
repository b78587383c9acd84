import { spawnSync } from "node:child_process"
import { performance } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { grant } from "../dist/core/change/grant.js"
import { resettableVault } from "./vaults.mjs"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))
const ROUNDS = 15
// At its end the process tells how much memory it had at most, in kilobytes.
const tellMemory = `data:text/javascript,process.on("exit",()=>process.stderr.write("\\n"+process.resourceUsage().maxRSS))`

/** @typedef {Awaited<ReturnType<typeof resettableVault>>} Vault */

/** @param {import("./run.mjs").Bench} bench */
export default async (bench) => {
  const small = await resettableVault({ secrets: 1000, agents: 20 })
  await granting(bench, small)
  revoking(bench, "revoke, 1000 secrets, 20 agents", small, 2000, 5)
  const large = await resettableVault({ secrets: 10_000, agents: 20 })
  revoking(bench, "revoke, 10000 secrets, 20 agents", large, 15_000, 3)
  // Only now: where thousands of files were just removed, ext4 may take long to make as many.
  large.remove()
  small.remove()
}

/**
 * @param {import("./run.mjs").Bench} bench
 * @param {Vault} vault
 */
async function granting({ call, reported }, vault) {
  const one = { ...(await vault.request()), agent: "another", groups: ["bulk"] }
  await call("grant, 1000 secrets, 20 agents, in process", () => grant({ ...one }), {
    before: vault.reset,
  })
  const above = Array.from({ length: ROUNDS }, () => {
    vault.reset()
    const { time } = ended(vault, [bin, "grant", "another", "bulk"])
    return time - ended(vault, [bin, "--version"]).time
  })
  reported("grant, 1000 secrets, 20 agents, more than --version", above, { budget: 150 })
}

/**
 * @param {import("./run.mjs").Bench} bench
 * @param {string} name
 * @param {Vault} vault
 * @param {number} budget
 * @param {number} rounds
 */
function revoking({ reported }, name, vault, budget, rounds) {
  const ends = Array.from({ length: rounds }, () => {
    vault.reset()
    return ended(vault, ["--import", tellMemory, bin, "revoke", "agent-0", "bulk"])
  })
  const times = ends.map(({ time }) => time)
  const megabytes = ends.map(({ stderr }) => Number(stderr.split("\n").at(-1)) / 1024)
  reported(name, times, { budget })
  reported(`${name}: memory`, megabytes, { budget: 300, unit: "MB" })
}

/**
 * Runs a command of ours to its end.
 *
 * @param {Vault} vault
 * @param {readonly string[]} argv of Node
 */
function ended({ repo, env }, argv) {
  const start = performance.now()
  const done = spawnSync(process.execPath, argv, { cwd: repo, env, encoding: "utf8" })
  const time = performance.now() - start
  if (done.status !== 0) throw new Error(`${argv.at(-3)}: exit ${done.status}\n${done.stderr}`)
  return { time, stderr: done.stderr }
}
