import { closeSync, openSync, readSync, realpathSync, statSync } from "node:fs"
import { basename, dirname, join, resolve, sep } from "node:path"
import { type Environment, keyHome, stateHome } from "../../core/index.js"

/** Made to be committed, and without values: examples, and files of names for `run --env-from`. */
const HARMLESS_ENV = /\.(example|sample|template|dist|defaults?|schema|vault)$/i
const ENV = /^\.env(\..+)?$|\.env$/i
const PRIVATE_KEY =
  /^AGE-SECRET-KEY-(PQ-)?1[A-Z0-9]{20}|^-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n[\w+/=:, -]{16}/m
/** Bytes of a file in which a key shows: comments stand before it. */
const HEAD = 4096

/** Why a program of a model's may not read a path; undefined if it may. */
export function whyKept(path: string, cwd: string, env: Environment): string | undefined {
  const full = real(resolve(cwd, withHome(path, env)))
  for (const [folder, what] of keptFolders(env)) {
    if (full === folder || full.startsWith(`${folder}${sep}`)) return what
  }
  if (!isFile(full)) return undefined
  if (isEnvFile(basename(full)) || isEnvFile(basename(path))) return "it may hold values of secrets"
  return holdsKey(full) ? "it holds a private key" : undefined
}

/** Whether a name, or a pattern for names, is that of a file of variables with their values. */
export function isEnvFile(name: string): boolean {
  return ENV.test(name) && !HARMLESS_ENV.test(name)
}

function keptFolders(env: Environment): [folder: string, what: string][] {
  return [
    [real(resolve(keyHome(env))), "it is where agent-vault keeps its keys"],
    [real(resolve(stateHome(env))), "it is where agent-vault keeps what it remembers"],
  ]
}

function withHome(path: string, { HOME = "" }: Environment): string {
  return path.replace(/^(~|\$HOME|\$\{HOME\})(?=\/|$)/, HOME)
}

/** Where links lead, as far as there is something. */
function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const above = dirname(path)
    return above === path ? path : join(real(above), basename(path))
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    // Nothing is there, or nothing that this user can read.
    return false
  }
}

function holdsKey(file: string): boolean {
  try {
    const descriptor = openSync(file, "r")
    const head = Buffer.alloc(HEAD)
    const length = readSync(descriptor, head, 0, HEAD, 0)
    closeSync(descriptor)
    return PRIVATE_KEY.test(head.toString("latin1", 0, length))
  } catch {
    // What this user cannot read, no tool of theirs can.
    return false
  }
}
