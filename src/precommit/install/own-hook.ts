import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { VaultError, replaceFile } from "../../core/guard.js"
import {
  type HookName,
  beforeName,
  hasGuard,
  hookNameOf,
  hookScript,
  isAsWritten,
  madeFolders,
} from "./hook-text.js"
import { type Hooks, isExecutable } from "./hooks.js"

// The hooks that are ours as a whole, in a folder of hooks, and those that were there before them.

const HOOKS: readonly HookName[] = ["pre-commit", "pre-push"]

/**
 * The hook that is there, whatever it is, gets another name, and runs before ours. Returns whether
 * anything changed. Throws `EXISTS`.
 */
export function installHook(
  { file, folder, isShared }: Pick<Hooks, "file" | "folder" | "isShared">,
  program: readonly string[],
): boolean {
  // A folder in the work tree is for others too, who have this program somewhere else.
  const known = isShared ? [] : program
  const name = hookNameOf(file)
  const before = join(folder, beforeName(name))
  const ours = ourHook(file)
  if (ours !== undefined) {
    const script = hookScript(name, known, madeFolders(ours))
    if (script === ours && isExecutable(file)) return false
    writeHook(file, script)
    return true
  }
  const present = lstatSync(file, { throwIfNoEntry: false })
  const isPresent = present !== undefined
  if (present?.isDirectory() === true) throw inTheWay(file)
  if (isPresent && isThere(before) && !isSame(file, before)) throw inTheWay(before)
  const newFolders = makeFolder(folder)
  if (isPresent) renameSync(file, before)
  try {
    writeHook(file, hookScript(name, known, newFolders))
  } catch (error) {
    if (isPresent) renameSync(before, file)
    throw error
  }
  return true
}

/** The hooks of ours in a folder; a manager may have set one aside. Throws `EXISTS`. */
export function ownHooks(folder: string): readonly string[] {
  return HOOKS.flatMap((name) => [name, `${name}.legacy`, `${name}.old`])
    .map((name) => join(folder, name))
    .filter((file) => ourHook(file) !== undefined)
}

/** Takes hooks of ours out of a folder, and brings back what was there. Returns what it changed. */
export function uninstallHooks(folder: string, ours: readonly string[]): readonly string[] {
  const others = HOOKS.filter((name) => !ours.some((file) => hookNameOf(file) === name))
  const settled = others.filter((name) => settleBefore(folder, name))
  const settledFiles = settled.map((name) => join(folder, name))
  if (ours.length === 0) return settledFiles
  // The first that was installed made the folder.
  for (const file of ours.toReversed()) uninstallHook(folder, file)
  return [...ours, ...settledFiles]
}

/** What was there before hooks of ours that are gone, where something else has come since. */
export function leftBefore(folder: string): readonly string[] {
  return HOOKS.map((name) => join(folder, beforeName(name))).filter(isThere)
}

function uninstallHook(folder: string, file: string): void {
  const newFolders = madeFolders(readFileSync(file, "utf8"))
  const before = join(folder, beforeName(hookNameOf(file)))
  if (isThere(before)) renameSync(before, file)
  else unlinkSync(file)
  let empty = folder
  for (let left = newFolders; left > 0 && readdirSync(empty).length === 0; left -= 1) {
    rmdirSync(empty)
    empty = dirname(empty)
  }
}

/** Somebody has removed our hook, or written over it. Returns whether anything changed. */
function settleBefore(folder: string, name: HookName): boolean {
  const [before, file] = [join(folder, beforeName(name)), join(folder, name)]
  if (!isThere(before) || (isThere(file) && !isSame(file, before))) return false
  renameSync(before, file)
  return true
}

/** The text of our own hook, undefined for another. Throws `EXISTS` if somebody changed ours. */
function ourHook(file: string): string | undefined {
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined
  const text = readFileSync(file, "utf8")
  if (!hasGuard(text)) return undefined
  if (isAsWritten(text)) return text
  throw new VaultError("EXISTS", `${file} is the guard's, and somebody has changed it`, {
    hint: `nothing was done: keep your own lines in ${beforeName(hookNameOf(file))} beside it, an executable script that runs first; delete this file; then repeat the command`,
  })
}

function isSame(a: string, b: string): boolean {
  const [stat, other] = [lstatSync(a), lstatSync(b)]
  if (!stat.isFile() || !other.isFile() || stat.mode !== other.mode) return false
  return readFileSync(a).equals(readFileSync(b))
}

function isThere(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined
}

/** Returns how many folders had to be made. */
function makeFolder(folder: string): number {
  if (existsSync(folder)) return 0
  const above = makeFolder(dirname(folder))
  mkdirSync(folder)
  return above + 1
}

export function writeHook(file: string, script: string): void {
  replaceFile(file, script, 0o755)
  // What the umask took away: a hook that may not be executed is not run.
  chmodSync(file, 0o755)
}

function inTheWay(file: string): VaultError {
  return new VaultError("EXISTS", `${file} is in the way`, {
    hint: "find out what it is, and move it away; then: agent-vault guard install",
  })
}
