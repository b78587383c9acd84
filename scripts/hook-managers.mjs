// Prints the folders of lefthook and of pre-commit, through which the tests make commits; installs
// them on the first call, in the versions and with the digests that hook-managers/ names. lefthook
// is not a dependency of ours, since its install script would put its hooks beside husky's. Exit
// code 3: one of them cannot be had here.
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import { cp, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises"
import { userInfo } from "node:os"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { announced } from "./announced.mjs"

const cache = fileURLToPath(new URL("../.cache/", import.meta.url))
const pins = fileURLToPath(new URL("hook-managers/", import.meta.url))
const isWindows = process.platform === "win32"
const run = promisify(execFile)

/** @typedef {{ path: string } | { missing: string }} Found `missing` says why, and how to get it */

/** Finds lefthook: the folder for PATH, of the program itself, not of what starts it through Node. */
export function lefthook() {
  const program = `node_modules/lefthook-${isWindows ? "windows" : process.platform}-${process.arch}/bin`
  return find("lefthook", program, "package-lock.json", async (folder) => {
    for (const name of ["package.json", "package-lock.json"]) {
      await cp(join(pins, name), join(folder, name))
    }
    const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    await run("npm", ["ci", ...options], { cwd: folder, env: atHome(), shell: isWindows })
  })
}

/** Finds the pre-commit framework: the Python that has it, for `-m pre_commit`. */
export function preCommit() {
  const python = isWindows ? "Scripts/python.exe" : "bin/python"
  return find("pre-commit", python, "requirements.txt", async (folder) => {
    await run(isWindows ? "python" : "python3", ["-m", "venv", folder], { env: atHome() })
    const options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    const pinned = ["--require-hashes", "--requirement", join(pins, "requirements.txt")]
    const pip = ["-m", "pip", "install", ...options, ...pinned]
    await run(join(folder, python), pip, { env: atHome() })
  })
}

/**
 * Installs into a folder of its own and renames it, so that what is there is always complete.
 *
 * @param {string} name
 * @param {string} product what it is asked for, from its folder
 * @param {string} pinned the file that names versions and digests
 * @param {(folder: string) => Promise<void>} install
 * @returns {Promise<Found>}
 */
async function find(name, product, pinned, install) {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\0`)
  const digest = hash.update(await readFile(join(pins, pinned))).digest("hex")
  const installed = join(cache, `${name}-${digest.slice(0, 16)}`)
  const path = join(installed, product)
  if (existsSync(path)) return { path }
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, "new-"))
  try {
    await announced(`installing ${name}, with which the tests commit`, () => install(folder))
    await rename(folder, installed)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    // Unless another run was faster.
    if (!existsSync(path)) return { missing: `no ${name} (${reason(error)}): connect, and repeat` }
  }
  return { path }
}

/** The tests live in a home of their own; the settings of npm and pip are in the real one. */
function atHome() {
  const { homedir } = userInfo()
  const home = { HOME: homedir, USERPROFILE: homedir, XDG_CONFIG_HOME: undefined }
  return { ...process.env, ...home, XDG_CACHE_HOME: undefined }
}

/** @param {unknown} error */
function reason(error) {
  if (!(error instanceof Error)) return String(error)
  if ("code" in error && error.code === "ENOENT" && "path" in error) {
    return `${basename(String(error.path))} is not on PATH`
  }
  const output = "stderr" in error ? String(error.stderr).trim() : ""
  return (output || error.message).split("\n").at(-1)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const found of await Promise.all([lefthook(), preCommit()])) {
    if ("missing" in found) {
      process.stderr.write(`${found.missing}\n`)
      process.exitCode = 3
    } else {
      process.stdout.write(`${found.path}\n`)
    }
  }
}
