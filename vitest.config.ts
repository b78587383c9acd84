import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { HANG } from "./test/hang.js"
import { SlowestFirst } from "./test/slowest-first.js"

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"))

export default defineConfig({
  define: { AGENT_VAULT_VERSION: JSON.stringify(version) },
  oxc: { target: "node20.19" },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/global-setup.ts",
    setupFiles: "test/setup.ts",
    // Processes, not threads: tests start git, change folders and set umasks.
    pool: "forks",
    // More than there are cores: half of the tests wait for other processes, or for a limit to pass.
    maxWorkers: 2 * availableParallelism(),
    sequence: { sequencer: SlowestFirst },
    // Longer than the limit of one command, which says better what hangs.
    testTimeout: 2 * HANG,
    hookTimeout: 2 * HANG,
    restoreMocks: true,
    unstubEnvs: true,
    // A property test that fails must say so, not pass because it asserted nothing.
    expect: { requireAssertions: true, poll: { timeout: HANG, interval: 20 } },
  },
})
