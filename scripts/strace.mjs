// Prints the path of strace, with which the tests watch what a command opens, writes and starts;
// installs it on the first call, where that is possible. Exit code 3: it cannot be had here.
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { getuid } from "node:process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { announced } from "./announced.mjs"

const run = promisify(execFile)

/**
 * Finds strace, and tries that it may trace here: a container can forbid it.
 *
 * @returns {Promise<{ path: string } | { missing: string }>} `missing` says why, and how to get it
 */
export async function strace() {
  if (process.platform !== "linux") return { missing: "strace is for Linux" }
  const problem = onPath() === undefined ? await install() : undefined
  const path = onPath()
  if (path === undefined) return { missing: `no strace (${problem}): apt-get install strace` }
  try {
    await run(path, ["-f", "-o", "/dev/null", "true"])
    return { path }
  } catch {
    return { missing: "strace may not trace here: ptrace is forbidden" }
  }
}

/** @returns {Promise<string | undefined>} what went wrong */
async function install() {
  if (getuid?.() !== 0) return "only root can install it"
  try {
    await announced("installing strace, with which the tests watch the command", async () => {
      await run("apt-get", ["update", "-qq"])
      await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "strace"])
    })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message.split("\n")[0] : String(error)
  }
}

/** @returns {string | undefined} */
function onPath() {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean)
  return folders.map((folder) => join(folder, "strace")).find((file) => existsSync(file))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await strace()
  if ("missing" in found) {
    process.stderr.write(`${found.missing}\n`)
    process.exitCode = 3
  } else {
    process.stdout.write(`${found.path}\n`)
  }
}
