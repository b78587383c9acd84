import { rmSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { makeVault } from "./vaults.mjs"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))

/** @param {import("./run.mjs").Bench} bench */
export default async ({ command, node }) => {
  for (const [keys, secrets] of /** @type {const} */ ([
    ["x25519", 1],
    ["x25519", 1000],
    ["mlkem768x25519", 1],
  ])) {
    const { repo, env, keyFiles } = await makeVault({ secrets, agents: 20, keys })
    const [identity = ""] = keyFiles
    const name = `get, cold, ${keys}, ${secrets} secret${secrets === 1 ? "" : "s"}`
    const argv = [node, bin, "get", "bulk/s00000", "--identity", identity]
    const classic = keys === "x25519"
    await command(name, argv, { cwd: repo, env, ...(classic ? { budget: 2.0 } : {}) })
    rmSync(dirname(repo), { recursive: true, force: true, maxRetries: 3 })
  }
}
