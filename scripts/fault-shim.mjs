// Prints the path of the shim that lets system calls fail (faults/shim.c); compiles it on the first
// call, with whatever C compiler is there, else with one that it installs. Exit code 3: it cannot
// be had here.
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { getuid } from "node:process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { announced } from "./announced.mjs"
import { printFound } from "./pinned.mjs"

const run = promisify(execFile)
const source = fileURLToPath(new URL("faults/shim.c", import.meta.url))
const cache = fileURLToPath(new URL("../.cache/", import.meta.url))
/** The shim needs neither headers nor libraries, so the smallest compiler does. */
const COMPILERS = ["cc", "gcc", "clang", "tcc"]
const OPTIONS = ["-shared", "-fPIC", "-nostdlib", "-fno-builtin", "-w"]

/**
 * Finds the shim, and tries that it can be preloaded here.
 *
 * @returns {Promise<{ path: string } | { missing: string }>} `missing` says why, and how to get it
 */
export async function faultShim() {
  if (process.platform !== "linux") return { missing: "the fault shim is for Linux" }
  const digest = createHash("sha256").update(`${process.arch}\0`).update(readFileSync(source))
  const path = join(cache, `fault-shim-${digest.digest("hex").slice(0, 16)}.so`)
  const problem = existsSync(path) ? undefined : await compile(path)
  if (problem !== undefined) return { missing: problem }
  return (await isPreloaded(path)) ? { path } : { missing: "a shim cannot be preloaded here" }
}

/**
 * Compiles into a file of its own and renames it, so that what is there is always complete.
 *
 * @param {string} path
 * @returns {Promise<string | undefined>} what went wrong
 */
async function compile(path) {
  const problem = compiler() === undefined ? await install() : undefined
  const found = compiler()
  if (found === undefined) return `no C compiler (${problem}): apt-get install tcc`
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, "new-"))
  try {
    const made = join(folder, "shim.so")
    await run(found, [...OPTIONS, "-o", made, source])
    renameSync(made, path)
    return undefined
  } catch (error) {
    return `${found} cannot compile the fault shim: ${reason(error)}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @returns {Promise<string | undefined>} what went wrong */
async function install() {
  if (getuid?.() !== 0) return "only root can install one"
  try {
    await announced("installing tcc, which compiles the shim that lets disks fail", async () => {
      await run("apt-get", ["update", "-qq"])
      await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "tcc"])
    })
    return undefined
  } catch (error) {
    return reason(error)
  }
}

/** @returns {string | undefined} */
function compiler() {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean)
  const files = COMPILERS.flatMap((name) => folders.map((folder) => join(folder, name)))
  return files.find((file) => existsSync(file))
}

/**
 * A statically linked Node, or a loader that ignores the variable, would only seem to be tried.
 *
 * @param {string} path
 */
async function isPreloaded(path) {
  const folder = mkdtempSync(join(tmpdir(), "agent-vault-shim-"))
  const env = { ...process.env, LD_PRELOAD: path, FAULTS_ROOTS: `here=${folder}` }
  const struck = { FAULTS_CALL: "mkdir", FAULTS_PLACE: "here:x", FAULTS_NTH: "1", FAULTS_DO: "5" }
  const count = { FAULTS_COUNT: join(folder, "count") }
  const program = ["-e", `fs.mkdirSync(${JSON.stringify(join(folder, "x"))})`]
  try {
    await run(process.execPath, program, { env: { ...env, ...struck, ...count } })
    return false
  } catch (error) {
    return error instanceof Error && error.message.includes("EIO")
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param {unknown} error */
function reason(error) {
  return error instanceof Error ? error.message.split("\n")[0] : String(error)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  printFound([await faultShim()])
}
