// What the way through the bridge costs: warm reads in Python, and the same ones in Node.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { rmSync } from "node:fs"
import { dirname } from "node:path"
import { createInterface } from "node:readline/promises"
import { fileURLToPath } from "node:url"
import { openVault } from "../dist/core/index.js"
import { makeVault } from "./vaults.mjs"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))
const pythonPackage = fileURLToPath(new URL("../sdk-python-bridge", import.meta.url))

const READS = 1000

/** Reads once to warm up, then so many times for each line of stdin, and answers with a line. */
const PROGRAM = `
import sys
from agent_vault import Vault
with Vault(sys.argv[1], identity_file=sys.argv[2]) as vault:
    vault.get("bulk/s00000")
    for line in sys.stdin:
        for _ in range(int(line)):
            vault.get("bulk/s00000")
        print("done", flush=True)
`

/** @param {import("./run.mjs").Bench} bench */
export default async ({ call }) => {
  const { repo, env, keyFiles } = await makeVault({ secrets: 1 })
  const [identityFile = ""] = keyFiles
  const vault = await openVault({ dir: repo, identityFile, env })
  const python = spawn("python3", ["-c", PROGRAM, repo, identityFile], {
    env: { ...env, AGENT_VAULT_BIN: bin, PYTHONPATH: pythonPackage },
    stdio: ["pipe", "pipe", "inherit"],
  })
  const answers = createInterface({ input: python.stdout })
  const reads = READS.toLocaleString("en")
  await call(`${reads} x get, warm, in Node`, async () => {
    for (let read = 0; read < READS; read++) await vault.get("bulk/s00000")
  })
  // Budget: well under a millisecond each.
  await call(
    `${reads} x get, warm, in Python`,
    async () => {
      python.stdin.write(`${READS}\n`)
      await once(answers, "line")
    },
    { budget: READS * 0.5 },
  )
  python.stdin.end()
  await once(python, "close")
  await vault.close()
  rmSync(dirname(repo), { recursive: true, force: true, maxRetries: 3 })
}
