// What a watch costs: one look at 1,000 secrets, and how soon a change is seen that was committed.
import { execFileSync } from "node:child_process"
import { createRequire } from "node:module"
import { rmSync } from "node:fs"
import { dirname } from "node:path"
import { makeVault } from "./vaults.mjs"

const require = createRequire(import.meta.url)
/** @type {typeof import("../dist/lib/npm.js")} */
const { openVault } = require("../dist/lib/npm.cjs")

const EVERY = 100
const ROUNDS = 11
const NAME = "bulk/s00000"

/** @param {import("./run.mjs").Bench} bench */
export default async ({ reported }) => {
  const { repo, env, keyFiles } = await makeVault({ secrets: 1000 })
  const [identityFile = ""] = keyFiles
  const vault = await openVault({ dir: repo, identityFile, env, audit: false })
  await vault.get(NAME)
  const changes = vault.watch(["*"], { every: EVERY })[Symbol.asyncIterator]()
  const times = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const seen = changes.next()
    const files = ["age", "json"].map((end) => `.agent-vault/secrets/${NAME}.${end}`)
    if (round % 2 === 0) execFileSync("git", ["rm", "--quiet", ...files], { cwd: repo, env })
    else execFileSync("git", ["checkout", "--quiet", "HEAD", "--", ...files], { cwd: repo, env })
    const start = performance.now()
    await seen
    times.push(performance.now() - start)
  }
  await vault.close()
  reported(`watch, 1000 secrets, looks every ${EVERY} ms`, times, { budget: 2 * EVERY })
  rmSync(dirname(repo), { recursive: true, force: true, maxRetries: 3 })
}
