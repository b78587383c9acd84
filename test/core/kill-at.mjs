// A preload, `node --import kill-at.mjs`: counts every call by which the program changes a file or
// starts a process, and before call number $KILL_AT kills it together with the git it runs. With
// $KILL_AFTER_MS the kill comes so long after that call. What only reads makes no new state, and so
// is not counted. At a normal end the calls are written to $KILL_LOG.
import childProcess from "node:child_process"
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import process from "node:process"

const { KILL_AT, KILL_AFTER_MS, KILL_LOG } = process.env
const at = Number(KILL_AT ?? 0)
const after = Number(KILL_AFTER_MS ?? -1)
const { existsSync, fstatSync, writeFileSync } = fs
/** @type {string[]} */
const calls = []

function die() {
  process.kill(-process.pid, "SIGKILL")
}

/** Random ids decide how many objects have a folder already, so these calls have no number. */
const OBJECT = /\/objects\/(?:tmp_agent-vault-[^/]+\/)?[0-9a-f]{2}(?:\/|$)/

/** @param {string} call */
function count(call) {
  if (OBJECT.test(call)) return
  calls.push(call)
  if (calls.length !== at) return
  if (after < 0) die()
  else setTimeout(die, after)
}

/**
 * @param {object} module
 * @param {string} name
 * @param {(args: readonly unknown[]) => string | undefined} describe undefined: it changes nothing
 */
function watch(module, name, describe) {
  const functions = /** @type {Record<string, Function>} */ (module)
  const original = functions[name]
  functions[name] = (/** @type {unknown[]} */ ...args) => {
    const call = describe(args)
    if (call !== undefined) count(call)
    return /** @type {unknown} */ (original?.(...args))
  }
}

for (const name of [
  "writeSync",
  "renameSync",
  "linkSync",
  "writeFileSync",
  "utimesSync",
  "rmSync",
]) {
  watch(fs, name, ([file]) => `${name} ${String(file)}`)
}
watch(fs, "unlinkSync", ([file]) => (exists(file) ? `unlinkSync ${String(file)}` : undefined))
watch(fs, "mkdirSync", ([folder]) => (exists(folder) ? undefined : `mkdirSync ${String(folder)}`))
watch(fs, "openSync", ([file, flags]) => (flags === "wx" ? `openSync ${String(file)}` : undefined))
watch(fs, "fsyncSync", ([handle]) => (isFolder(handle) ? "fsyncSync of a folder" : undefined))
watch(childProcess, "spawn", ([, args]) => `git ${gitCommand(args)}`)
syncBuiltinESMExports()

process.on("exit", () => {
  if (KILL_LOG) writeFileSync(KILL_LOG, JSON.stringify(calls))
})

/** @param {unknown} file */
function exists(file) {
  return existsSync(String(file))
}

/** @param {unknown} handle */
function isFolder(handle) {
  return fstatSync(Number(handle)).isDirectory()
}

/** @param {unknown} argv */
function gitCommand(argv) {
  const args = Array.isArray(argv) ? argv.map(String) : []
  const options = args.findLastIndex((arg) => arg === "-c" || arg === "-C") + 2
  return args.slice(options).find((arg) => !arg.startsWith("-")) ?? ""
}
