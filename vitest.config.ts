import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { HANG } from "./test/hang.js"
import { SlowestFirst } from "./test/slowest-first.js"

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"))

/**
 * Rooms whose files share a worker, which keeps the sources that it loaded: that takes most of what
 * the start of a file costs. Of a file in such a room nothing may stay in the process, and none may
 * depend on how much memory the process has.
 */
const SHARING = [
  "test/{attack,core}/**/*.test.ts",
  "test/cli/{access,commands,doctor,exchange,parse,rotation,rpc,sources}/**/*.test.ts",
  "test/broker/{authority,environment,placeholder,placing,probe,reply,sign}/**/*.test.ts",
  "test/precommit/{allow,look,report}/**/*.test.ts",
]

const code = {
  define: { AGENT_VAULT_VERSION: JSON.stringify(version) },
  oxc: { target: "node20.19" },
}

const project = {
  setupFiles: "test/setup.ts",
  // Processes, not threads: tests start git, change folders and set umasks.
  pool: "forks",
  // Longer than the limit of one command, which says better what hangs.
  testTimeout: 2 * HANG,
  hookTimeout: 2 * HANG,
  restoreMocks: true,
  unstubEnvs: true,
  // A property test that fails must say so, not pass because it asserted nothing.
  expect: { requireAssertions: true, poll: { timeout: HANG, interval: 20 } },
} as const

export default defineConfig({
  test: {
    globalSetup: "test/global-setup.ts",
    // More than there are cores: half of the tests wait for other processes, or for a limit to pass.
    maxWorkers: 2 * availableParallelism(),
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        ...code,
        test: { ...project, name: "alone", include: ["test/**/*.test.ts"], exclude: SHARING },
      },
      { ...code, test: { ...project, name: "sharing", include: SHARING, isolate: false } },
    ],
  },
})
