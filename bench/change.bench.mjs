import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { grant } from "../dist/core/change/grant.js"
import { resettableVault } from "./vaults.mjs"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))
const MEMORY_MB = 300
// At its end the process tells how much memory it had at most, in kilobytes.
const tellMemory = `data:text/javascript,process.on("exit",()=>process.stderr.write("\\n"+process.resourceUsage().maxRSS))`

/** @param {import("./run.mjs").Bench} bench */
export default async ({ command, call, node }) => {
  const small = await resettableVault({ secrets: 1000, agents: 20 })
  const one = { ...(await small.request()), agent: "another", groups: ["bulk"] }
  const start = [node, bin, "--version"]
  const common = { cwd: small.repo, env: small.env, before: small.reset, against: start }
  await call("grant, 1000 secrets, 20 agents, in process", () => grant({ ...one }), {
    budget: 150,
    before: small.reset,
  })
  await command(
    "grant, 1000 secrets, 20 agents, to --version",
    [node, bin, "grant", "another", "bulk"],
    common,
  )
  await revoking("revoke, 1000 secrets, 20 agents", small, 2000, 5)
  const large = await resettableVault({ secrets: 10_000, agents: 20 })
  await revoking("revoke, 10000 secrets, 20 agents", large, 15_000, 1)
  // Only now: where thousands of files were just removed, ext4 may take long to make as many.
  large.remove()
  small.remove()

  /**
   * Times a revoke, and fails if it takes too much memory.
   *
   * @param {string} name
   * @param {Awaited<ReturnType<typeof resettableVault>>} vault
   * @param {number} budget
   * @param {number} runs
   */
  async function revoking(name, vault, budget, runs) {
    const argv = ["--import", tellMemory, bin, "revoke", "agent-0", "bulk"]
    const revoke = () => {
      const { status, stderr } = spawnSync(node, argv, {
        cwd: vault.repo,
        env: vault.env,
        encoding: "utf8",
      })
      const megabytes = Math.round(Number(stderr.split("\n").at(-1)) / 1024)
      if (status !== 0 || !(megabytes < MEMORY_MB)) {
        throw new Error(`${name}: exit ${status}, ${megabytes} MB\n${stderr}`)
      }
      process.stderr.write(`${megabytes} MB `)
    }
    await call(name, revoke, { budget, before: vault.reset, runs })
  }
}
