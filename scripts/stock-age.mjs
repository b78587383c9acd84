// Prints the folder that holds stock `age` and `age-keygen`, against which the tests hold this
// program's files; installs them there on the first call. Exit code 3: there are none to be had.
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises"
import { userInfo } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { announced } from "./announced.mjs"
import { printFound } from "./pinned.mjs"

const VERSION = "v1.3.2"
const TOOLS = ["age", "age-keygen", "age-plugin-batchpass"]
const cache = fileURLToPath(new URL("../node_modules/.cache/stock-age/", import.meta.url))
const installed = join(cache, VERSION)
const run = promisify(execFile)

/**
 * @typedef {object} StockAge
 * @property {string} dir the folder of `age` and `age-keygen`, absolute
 * @property {string} version as `age --version` says it
 * @property {boolean} postQuantum whether it knows hybrid keys, as age does from 1.3 on
 */

/**
 * Finds stock age: {@link VERSION} as Go builds it, else whatever is on PATH.
 *
 * @returns {Promise<StockAge | { missing: string }>} `missing` says why, and how to get it
 */
export async function stockAge() {
  if (existsSync(installed)) return describe(installed)
  const problem = await install()
  if (problem === undefined) return describe(installed)
  const dir = onPath()
  if (dir !== undefined) return describe(dir)
  return { missing: `no stock age (${problem}): install Go, or age and age-keygen` }
}

/**
 * Builds into a folder of its own and renames it, so that what is there is always complete.
 *
 * @returns {Promise<string | undefined>} what went wrong
 */
async function install() {
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, "new-"))
  try {
    const packages = TOOLS.map((tool) => `filippo.io/age/cmd/${tool}@${VERSION}`)
    await announced(`building stock age ${VERSION}, with which the vault is compared`, () =>
      run("go", ["install", ...packages], { env: goEnvironment(folder) }),
    )
    await rename(folder, installed)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    // Unless another run was faster.
    if (!existsSync(installed)) return reason(error)
  }
  return undefined
}

/**
 * The tests live in a home of their own; Go's settings and modules are in the real one.
 *
 * @param {string} target
 */
function goEnvironment(target) {
  const home = { HOME: userInfo().homedir, XDG_CONFIG_HOME: undefined, XDG_CACHE_HOME: undefined }
  return { ...process.env, ...home, GOBIN: target }
}

/** @param {unknown} error */
function reason(error) {
  if (!(error instanceof Error)) return String(error)
  if ("code" in error && error.code === "ENOENT") return "go is not on PATH"
  const output = "stderr" in error ? String(error.stderr).trim() : ""
  return (output || error.message).split("\n").at(-1)
}

/** @returns {string | undefined} */
function onPath() {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean)
  return folders.find((dir) => ["age", "age-keygen"].every((tool) => existsSync(path(dir, tool))))
}

/**
 * @param {string} dir
 * @returns {Promise<StockAge>}
 */
async function describe(dir) {
  const { stdout } = await run(path(dir, "age"), ["--version"])
  const postQuantum = await run(path(dir, "age-keygen"), ["-pq"]).then(
    () => true,
    () => false,
  )
  return { dir, version: stdout.trim(), postQuantum }
}

/**
 * @param {string} dir
 * @param {string} tool
 */
function path(dir, tool) {
  return join(dir, process.platform === "win32" ? `${tool}.exe` : tool)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await stockAge()
  printFound(["missing" in found ? found : { path: found.dir }])
}
