// Prints the path of bubblewrap, with which a blind run is isolated; installs it on the first call,
// where that is possible. Exit code 3: it cannot be had, or makes no namespaces here.
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { printFound } from "./pinned.mjs"
import { systemPackage } from "./system-package.mjs"

const run = promisify(execFile)

/**
 * Finds bubblewrap, and tries that it may make namespaces here: a container can forbid it.
 *
 * @returns {Promise<{ path: string } | { missing: string }>} `missing` says why, and how to get it
 */
export async function bubblewrap() {
  if (process.platform !== "linux") return { missing: "bubblewrap is for Linux" }
  const found = await systemPackage("bwrap", "which isolates a blind run", "bubblewrap")
  if ("missing" in found) return found
  if (await makesNamespaces(found.path)) return found
  return { missing: "bwrap may make no namespaces here: the system forbids it" }
}

/**
 * Whether this bubblewrap is there, and may do its work.
 *
 * @param {string} program
 */
export async function makesNamespaces(program) {
  const namespaces = ["--unshare-net", "--unshare-pid", "--unshare-ipc"]
  try {
    await run(program, ["--ro-bind", "/", "/", ...namespaces, "--proc", "/proc", "true"])
    return true
  } catch {
    return false
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) printFound([await bubblewrap()])
