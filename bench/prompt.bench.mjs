// How long `run` holds back what a program says: a question without a newline, to who answers it.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { rmSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { makeVault } from "./vaults.mjs"

const bin = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url))
const QUESTION = "Password: "
const ASKS = `process.stdin.on("data", () => process.stdout.write("${QUESTION}"))`

/** @param {import("node:child_process").ChildProcessByStdio<import("node:stream").Writable, import("node:stream").Readable, null>} program */
function ask(program) {
  return async () => {
    program.stdin.write("\n")
    let said = ""
    while (said.length < QUESTION.length) said += String((await once(program.stdout, "data"))[0])
  }
}

/** @param {import("./run.mjs").Bench} bench */
export default async ({ call, node }) => {
  const { repo, env, keyFiles } = await makeVault({ secrets: 10 })
  const [identity = ""] = keyFiles
  const run = [bin, "run", "--identity", identity, "-g", "bulk", "--", node, "-e", ASKS]
  const through = spawn(node, run, { cwd: repo, env, stdio: ["pipe", "pipe", "inherit"] })
  const alone = spawn(node, ["-e", ASKS], { stdio: ["pipe", "pipe", "inherit"] })

  await call("run, a question without a newline", ask(through), { budget: 50 })
  await call("the same without run", ask(alone))
  for (const program of [through, alone]) {
    program.stdin.end()
    await once(program, "close")
  }
  rmSync(dirname(repo), { recursive: true, force: true, maxRetries: 3 })
}
