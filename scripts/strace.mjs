// Prints the path of strace, with which the tests watch what a command opens, writes and starts;
// installs it on the first call, where that is possible. Exit code 3: it cannot be had here.
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { printFound } from "./pinned.mjs"
import { systemPackage } from "./system-package.mjs"

const run = promisify(execFile)

/**
 * Finds strace, and tries that it may trace here: a container can forbid it.
 *
 * @returns {Promise<{ path: string } | { missing: string }>} `missing` says why, and how to get it
 */
export async function strace() {
  if (process.platform !== "linux") return { missing: "strace is for Linux" }
  const found = await systemPackage("strace", "with which the tests watch the command")
  if ("missing" in found) return found
  const { path } = found
  try {
    await run(path, ["-f", "-o", "/dev/null", "true"])
    return { path }
  } catch {
    return { missing: "strace may not trace here: ptrace is forbidden" }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) printFound([await strace()])
