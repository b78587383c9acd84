// A team's month, simulated: `node scripts/month.mjs [SEEDS] [OPERATIONS] [FIRST]`. Owners change a
// vault in clones on several machines, agents read in theirs, and at the end all agree with a simple
// model; see test/core/sync/month.ts.
import { spawnSync } from "node:child_process"
import { argv, env, execPath, exit } from "node:process"
import { fileURLToPath } from "node:url"

const [seeds = "20", operations = "500", first = "1"] = argv.slice(2)
const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url))
const args = ["run", "test/core/sync/month.test.ts", "--testTimeout=0", "--hookTimeout=0"]
const { status } = spawnSync(execPath, [vitest, ...args], {
  stdio: "inherit",
  cwd: fileURLToPath(new URL("..", import.meta.url)),
  env: { ...env, MONTH_SEEDS: seeds, MONTH_OPERATIONS: operations, MONTH_FIRST: first },
})
exit(status ?? 1)
