import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { execPath } from "node:process"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const bench = fileURLToPath(new URL("../../bench", import.meta.url))

/** What others have in their environments, and what would slow or speed both sides of a ratio. */
const PLANTED = {
  NODE_EXTRA_CA_CERTS: "/etc/ssl/certs/ca-certificates.crt",
  NODE_OPTIONS: "--no-warnings",
  NODE_COMPILE_CACHE: "/tmp/somewhere",
  NODE_V8_COVERAGE: "",
  UV_THREADPOOL_SIZE: "1",
}

/** Measures a program that notes the names of its variables, with another, and a function. */
const PROBE = `
  import { appendFileSync } from "node:fs"
  const note = (who) =>
    ["-e", "require('fs').appendFileSync(process.argv[1], [process.argv[2], process.ppid, Object.keys(process.env)].join(' ') + '\\\\n')", process.env.SEEN, who]
  export default async ({ command, call, node }) => {
    await command("a", [node, ...note("command")], { against: [node, ...note("against")], runs: 1 })
    await call("b", () => appendFileSync(process.env.SEEN, "call " + process.pid + " " + Object.keys(process.env) + "\\n"), { runs: 1 })
  }`

test("what is measured knows nothing of the caller's that would change the figures", () => {
  const folder = mkdtempSync(join(tmpdir(), "agent-vault-bench-"))
  const seen = join(folder, "seen")
  try {
    mkdirSync(join(folder, "bench"))
    for (const name of ["run.mjs", "environment.mjs", "time-process.mjs"]) {
      cpSync(join(bench, name), join(folder, "bench", name))
    }
    writeFileSync(join(folder, "bench/probe.bench.mjs"), PROBE)
    const env = { PATH: process.env["PATH"], SEEN: seen, ...PLANTED }
    const argv = [join(folder, "bench/run.mjs"), "--json"]
    const { status, stdout } = spawnSync(execPath, argv, { env, encoding: "utf8" })
    expect([status, (JSON.parse(stdout) as unknown[]).length]).toEqual([0, 2])
    const lines = readFileSync(seen, "utf8").trimEnd().split("\n")
    const whose = new Set(lines.map((line) => line.split(" ")[0]))
    expect(whose).toEqual(new Set(["command", "against", "call"]))
    const known = Object.keys(PLANTED).filter((name) => lines.join().includes(name))
    expect(known).toEqual([])
    // What measures grows, and out of a large process each other one starts later.
    const byWhom = (who: string) =>
      new Set(lines.filter((line) => line.startsWith(who)).map((line) => line.split(" ")[1]))
    expect([byWhom("command").size, byWhom("call").size]).toEqual([1, 1])
    expect(byWhom("against")).toEqual(byWhom("command"))
    expect(byWhom("command")).not.toEqual(byWhom("call"))
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
})
