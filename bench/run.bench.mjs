import { rmSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { makeVault } from "./vaults.mjs"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))

/** @param {import("./run.mjs").Bench} bench */
export default async ({ command, node }) => {
  const { repo, env, keyFiles } = await makeVault({ secrets: 100 })
  const [identity = ""] = keyFiles
  const run = [node, bin, "run", "--identity", identity]
  const program = ["--", "/bin/true"]
  const one = ["-s", "bulk/s00000"]
  await command("run, 1 secret", [...run, ...one, ...program], { cwd: repo, env, budget: 2.2 })
  await command("run, 1 secret, not redacted", [...run, ...one, "--no-redact", ...program], {
    cwd: repo,
    env,
  })
  const twenty = Array.from({ length: 20 }, (_, at) => `bulk/s${String(at).padStart(5, "0")}`)
  await command(
    "run, 20 secrets",
    [...run, ...twenty.flatMap((name) => ["-s", name]), ...program],
    { cwd: repo, env, budget: 2.6 },
  )
  await command("run, a group of 100", [...run, "-g", "bulk", ...program], { cwd: repo, env })
  // At a terminal both times; in the second, the program gets a pipe.
  const line = [...run, ...one, ...program].map((word) => `'${word}'`).join(" ")
  await command(
    "run, 1 secret, at a terminal, against pipes",
    ["script", "-qec", line, "/dev/null"],
    {
      against: ["script", "-qec", `${line} | cat`, "/dev/null"],
      againstIn: { cwd: repo, env },
      cwd: repo,
      env,
    },
  )
  rmSync(dirname(repo), { recursive: true, force: true, maxRetries: 3 })
}
