// What the tests use and the project does not depend on: installed from the registries into .cache,
// in the versions and with the digests that a file beside the script names.
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
const isWindows = process.platform === "win32"
const run = promisify(execFile)

/** @typedef {{ path: string } | { missing: string }} Found `missing` says why, and how to get it */
/** @typedef {{ name: string, what: string, pins: URL, product: string }} Wanted
 *  `pins` is the folder of the files that name versions, `product` what is asked for, from the
 *  folder that all is installed in; `what` it is for, for whoever waits. */

/**
 * Installs the npm packages that package-lock.json in `pins` names; their scripts do not run.
 *
 * @param {Wanted} wanted
 */
export function pinnedNpm(wanted) {
  return find(wanted, "package-lock.json", async (folder) => {
    for (const name of ["package.json", "package-lock.json"]) {
      await cp(new URL(name, wanted.pins), join(folder, name))
    }
    const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    await run("npm", ["ci", ...options], { cwd: folder, env: atHome(), shell: isWindows })
  })
}

/**
 * Installs the Python packages that requirements.txt in `pins` names, into an environment of its own.
 *
 * @param {Omit<Wanted, "product">} wanted
 */
export function pinnedPython(wanted) {
  const python = isWindows ? "Scripts/python.exe" : "bin/python"
  return find({ ...wanted, product: python }, "requirements.txt", async (folder) => {
    await run(await realPython(), ["-m", "venv", folder], { env: atHome() })
    // What a test imports is compiled then: all of it would take three times as long to install.
    const options = [
      "--quiet",
      "--disable-pip-version-check",
      "--only-binary=:all:",
      "--no-compile",
    ]
    const requirements = fileURLToPath(new URL("requirements.txt", wanted.pins))
    const pinned = ["--require-hashes", "--requirement", requirements]
    const pip = ["-m", "pip", "install", ...options, ...pinned]
    await run(join(folder, python), pip, { env: atHome() })
  })
}

/**
 * Builds the programs in Go that go.txt in `pins` names, a line each; Go holds them against the sums
 * that its checksum database has published.
 *
 * @param {Wanted} wanted
 */
export function pinnedGo(wanted) {
  return find(wanted, "go.txt", async (folder) => {
    const env = { ...atHome(), GOBIN: folder }
    await run("go", ["install", ...(await linesOf(new URL("go.txt", wanted.pins)))], { env })
  })
}

/**
 * Builds the program in Rust that cargo.txt in `pins` names, with the dependencies that it locks.
 *
 * @param {Wanted} wanted
 */
export function pinnedCargo(wanted) {
  return find(wanted, "cargo.txt", async (folder) => {
    const crates = await linesOf(new URL("cargo.txt", wanted.pins))
    const options = ["--quiet", "--locked", "--root", folder]
    await run("cargo", ["install", ...options, ...crates], { env: atHome() })
  })
}

/**
 * Prints where each is, or why one is missing, and then ends with 3.
 *
 * @param {readonly Found[]} all
 */
export function printFound(all) {
  for (const found of all) {
    if ("missing" in found) {
      process.stderr.write(`${found.missing}\n`)
      process.exitCode = 3
    } else {
      process.stdout.write(`${found.path}\n`)
    }
  }
}

/**
 * Installs into a folder of its own and renames it, so that what is there is always complete.
 *
 * @param {Wanted} wanted
 * @param {string} pinned the file that names versions and digests
 * @param {(folder: string) => Promise<void>} install
 * @returns {Promise<Found>}
 */
async function find({ name, what, pins, product }, pinned, install) {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\0`)
  const digest = hash.update(await readFile(new URL(pinned, pins))).digest("hex")
  const installed = join(cache, `${name}-${digest.slice(0, 16)}`)
  const path = join(installed, product)
  if (existsSync(path)) return { path }
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, "new-"))
  try {
    await announced(`installing ${name}, ${what}`, () => install(folder))
    // What is there without its product is broken: its Python was removed, say.
    if (!existsSync(path)) await rm(installed, { recursive: true, force: true })
    await rename(folder, installed)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    // Unless another run was faster.
    if (!existsSync(path)) return { missing: `no ${name} (${reason(error)}): connect, and repeat` }
  }
  return { path }
}

/** Where Python itself is: PATH may begin with a link that goes with the run of tests that made it. */
async function realPython() {
  const ask = ["-c", "import os, sys; print(os.path.realpath(sys.executable))"]
  const { stdout } = await run(isWindows ? "python" : "python3", ask, { env: atHome() })
  return stdout.trim()
}

/** @param {URL} file */
async function linesOf(file) {
  return (await readFile(file, "utf8")).split("\n").filter((line) => line !== "")
}

/** The tests live in a home of their own; the settings of npm and pip are in the real one. */
function atHome() {
  const { homedir } = userInfo()
  const home = { HOME: homedir, USERPROFILE: homedir, XDG_CONFIG_HOME: undefined }
  // test/setup.ts takes it away.
  const certificates = process.env["TEST_EXTRA_CA_CERTS"] ?? process.env["NODE_EXTRA_CA_CERTS"]
  return {
    ...process.env,
    ...home,
    XDG_CACHE_HOME: undefined,
    NODE_EXTRA_CA_CERTS: certificates,
  }
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
