// Programs that the tests need and the system's packages carry; installed on the first call where
// that is possible.
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { getuid } from "node:process"
import { promisify } from "node:util"
import { announced } from "./announced.mjs"

const run = promisify(execFile)

/** @typedef {{ path: string } | { missing: string }} Found `missing` says why, and how to get it */

/**
 * Finds a program on PATH, or installs the package that has it.
 *
 * @param {string} program
 * @param {string} what for whoever waits: `with which the tests watch the command`
 * @param {string} [name] of the package
 * @returns {Promise<Found>}
 */
export async function systemPackage(program, what, name = program) {
  const problem = onPath(program) === undefined ? await install(name, what) : undefined
  const path = onPath(program)
  return path === undefined
    ? { missing: `no ${program} (${problem}): apt-get install ${name}` }
    : { path }
}

/**
 * Finds a program of this machine, which is not installed here.
 *
 * @param {string} program
 * @returns {Found}
 */
export function installed(program) {
  const path = onPath(program)
  return path === undefined ? { missing: `no ${program} on PATH: install it` } : { path }
}

/**
 * @param {string} name
 * @param {string} what
 * @returns {Promise<string | undefined>} what went wrong
 */
async function install(name, what) {
  if (process.platform !== "linux") return "it is not on PATH"
  if (getuid?.() !== 0) return "only root can install it"
  try {
    await announced(`installing ${name}, ${what}`, async () => {
      await run("apt-get", ["update", "-qq"])
      await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", name])
    })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message.split("\n")[0] : String(error)
  }
}

/**
 * @param {string} program
 * @returns {string | undefined}
 */
function onPath(program) {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean)
  return folders.map((folder) => join(folder, program)).find((file) => existsSync(file))
}
