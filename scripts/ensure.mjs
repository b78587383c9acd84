// Makes this clone ready to run: installs the dependencies when the lock changed, builds when the
// sources changed, and does nothing, silently, when neither did. Needs only Node.
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { announced, say } from "./announced.mjs"

const root = fileURLToPath(new URL("..", import.meta.url))
const stamps = join(root, "node_modules/.cache/agent-vault")
// Not in node_modules: `npm ci` deletes that folder.
const lock = join(root, ".ensure-lock")
const lockLifetime = 15 * 60_000

/** One task: it is due when its products are missing or the digest of its inputs changed. */
const install = {
  stamp: join(stamps, "install"),
  inputs: ["package-lock.json"],
  products: ["node_modules/.package-lock.json"],
}
const build = {
  stamp: join(stamps, "build"),
  inputs: [
    "src",
    ".vault-manifest.schema.json",
    "package.json",
    "package-lock.json",
    "scripts/build.mjs",
    "scripts/build-bin.mjs",
    "scripts/build-bundle.mjs",
    "scripts/build-eager.mjs",
    "scripts/build-faces.mjs",
    "scripts/build-library.mjs",
    "scripts/build-licenses.mjs",
    "scripts/bin-crypto.mjs",
    "scripts/bin-streams.mjs",
    "scripts/build-places.mjs",
    "scripts/build-validators.mjs",
    "tsconfig.json",
    "tsconfig.build.json",
  ],
  products: ["dist/cli/bin.cjs", "dist/lib/npm.js", "src/core/records/generated/validators.js"],
}

/** @typedef {typeof install} Task */

/**
 * Installs and builds what is due. Resolves when dependencies and dist/ match the sources, also
 * when another process did the work meanwhile; rejects when a step failed.
 */
export async function ensure() {
  await ensureInstalled()
  await ensureBuilt()
}

/** The first half of {@link ensure}. */
export async function ensureInstalled() {
  await perform(install, "installing dependencies (npm ci)", () => {
    refuseLink()
    return run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
  })
}

/** `npm ci` empties the folder that a link leads to, which is another work tree's. */
function refuseLink() {
  const folder = join(root, "node_modules")
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return
  throw new Error(
    `node_modules is a link to ${readlinkSync(folder)}, which npm ci would empty: nothing was done; install there, or remove the link, then repeat the command`,
  )
}

/** The second half of {@link ensure}. */
export async function ensureBuilt() {
  await perform(build, "building", () => run(process.execPath, ["scripts/build.mjs"]))
}

/**
 * @param {Task} task
 * @param {string} announcement
 * @param {() => Promise<void>} work
 */
async function perform(task, announcement, work) {
  if (!isDue(task)) return
  const unlock = await takeLock()
  try {
    if (!isDue(task)) return
    // Taken before the work: what is edited during it is built the next time.
    const inputs = digest(task)
    await announced(announcement, work)
    stamp(task, inputs)
  } finally {
    unlock()
  }
}

/** @param {Task} task */
function isDue(task) {
  if (task.products.some((path) => !existsSync(join(root, path)))) return true
  return readIfPresent(task.stamp) !== digest(task)
}

/**
 * @param {Task} task
 * @param {string} value
 */
function stamp(task, value) {
  mkdirSync(dirname(task.stamp), { recursive: true })
  const temporary = `${task.stamp}.${process.pid}`
  writeFileSync(temporary, value)
  renameSync(temporary, task.stamp)
}

/**
 * The digest of a task's inputs and of the platform, since dependencies hold native binaries.
 *
 * @param {Task} task
 */
function digest(task) {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\0`)
  for (const input of task.inputs) {
    for (const path of filesUnder(input)) {
      hash
        .update(`${path}\0`)
        .update(readFileSync(join(root, path)))
        .update("\0")
    }
  }
  return hash.digest("hex")
}

/**
 * @param {string} path
 * @returns {string[]}
 */
function filesUnder(path) {
  if (path === "src/core/records/generated") return []
  const stats = statSync(join(root, path), { throwIfNoEntry: false })
  if (!stats) return []
  if (!stats.isDirectory()) return [path]
  return readdirSync(join(root, path))
    .toSorted()
    .flatMap((name) => filesUnder(`${path}/${name}`))
}

/** Waits for the lock, and resolves to what gives it back. */
async function takeLock() {
  const mine = `${lock}.${process.pid}`
  writeFileSync(mine, String(process.pid))
  try {
    for (let waiting = false; ; waiting = true) {
      try {
        linkSync(mine, lock)
        return () => rmSync(lock, { force: true })
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
      }
      if (isAbandoned()) rmSync(lock, { force: true })
      else if (!waiting) say("waiting for another install or build of this folder")
      await delay(100)
    }
  } finally {
    rmSync(mine, { force: true })
  }
}

/** Whether the process that holds the lock is gone, or holds it for impossibly long. */
function isAbandoned() {
  const stats = statSync(lock, { throwIfNoEntry: false })
  const owner = Number(readIfPresent(lock))
  if (!stats || !owner) return false
  if (Date.now() - stats.mtimeMs > lockLifetime) return true
  try {
    process.kill(owner, 0)
    return false
  } catch {
    return true
  }
}

/** @param {string} path */
function readIfPresent(path) {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined
}

/**
 * Runs a command; shows its output, on stderr, if it fails.
 *
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<void>}
 */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32" && command === "npm",
    })
    /** @type {Buffer[]} */
    const output = []
    child.stdout.on("data", (chunk) => output.push(chunk))
    child.stderr.on("data", (chunk) => output.push(chunk))
    child.once("error", reject)
    child.once("close", (code, signal) => {
      if (code === 0) return resolve()
      process.stderr.write(Buffer.concat(output))
      reject(new Error(`${command} ${args[0]} failed (${signal ?? `exit ${code}`})`))
    })
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await ensure()
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
}
