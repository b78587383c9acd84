import { spawnSync } from "node:child_process"
import { rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { makeVault } from "./vaults.mjs"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))

/** @param {import("./run.mjs").Bench} bench */
export default async ({ call, node }) => {
  const { repo, env, id } = await makeVault({ secrets: 10_000, agents: 20 })
  const home = env.HOME ?? dirname(repo)
  const verified = join(home, ".local/state/agent-vault", id, "verified")
  const forget = () => rmSync(verified, { recursive: true, force: true })

  /** @param {string} command */
  const run = (command) => () => {
    const { status, stderr } = spawnSync(node, [bin, command], { cwd: repo, env, encoding: "utf8" })
    if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`)
  }

  await call("list, 10000 secrets, never verified", run("list"), {
    budget: 700,
    before: forget,
    runs: 5,
  })
  await call("list, 10000 secrets", run("list"), { budget: 700, runs: 9 })
  await call("check, 10000 secrets, never verified", run("check"), {
    budget: 5000,
    before: forget,
    runs: 3,
  })
  await call("check, 10000 secrets", run("check"), { budget: 5000, runs: 3 })
  rmSync(dirname(repo), { recursive: true, force: true, maxRetries: 3 })
}
