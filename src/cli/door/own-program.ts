import { accessSync, constants, realpathSync } from "node:fs"
import { delimiter, isAbsolute, join } from "node:path"
import { argv, execPath, platform } from "node:process"
import type { Environment } from "../../core/index.js"

export const NAME = "agent-vault"

/**
 * The words that start this very program in a shell: its name, if a shell finds this program and a
 * Node for it by name, else where both are.
 */
export function ownProgram(env: Environment): readonly string[] {
  const script = argv[1] ?? ""
  const isNamed = sameFile(onPath(NAME, env), script) && onPath("node", env) !== undefined
  return isNamed ? [NAME] : [execPath, script]
}

/** What starts this very program: Node and the script, as absolute paths without links. */
export function programFiles(): readonly string[] {
  return [execPath, realpathSync(argv[1] ?? execPath)]
}

/** Whether a shell, or a client, finds an `agent-vault` by its name. */
export function isOnPath(env: Environment): boolean {
  return onPath(NAME, env) !== undefined
}

/**
 * What a program's name leads to. npm and npx put folders of theirs on the PATH of what they start,
 * and a path from here leads elsewhere from there: neither is on the PATH of another shell.
 */
function onPath(name: string, env: Environment): string | undefined {
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => isAbsolute(folder))
  const lasting = folders.filter((folder) => !/[/\\]node_modules[/\\]\.bin[/\\]?$/.test(folder))
  const endings = platform === "win32" ? [".exe", ".cmd"] : [""]
  return lasting
    .flatMap((folder) => endings.map((ending) => join(folder, `${name}${ending}`)))
    .find(isProgram)
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** npm's `.cmd` on Windows is not a link. There, the program's own path names it. */
function sameFile(one: string | undefined, other: string): boolean {
  try {
    return one !== undefined && realpathSync(one) === realpathSync(other)
  } catch {
    return false
  }
}
