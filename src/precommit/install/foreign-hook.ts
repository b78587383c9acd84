import { lstatSync, readFileSync, realpathSync } from "node:fs"
import { dirname, isAbsolute, join, relative, sep } from "node:path"
import { VaultError, accessing, namesOwnHooks } from "../../core/guard.js"
import { aheadPath } from "./ahead-hooks.js"
import { aheadScript, hookScript, madeFolders } from "./hook-text.js"
import { type Hooks, isExecutable } from "./hooks.js"

// A repository may have come as a folder, with its hooks and its configuration: what it brings is
// a program of somebody else's, and where it leads may be anywhere.

/**
 * The hook that a dry run would start although the repository brought it, or undefined. What this
 * very program writes is its own, and a folder elsewhere that the user's settings name is the user's.
 */
export async function broughtHook(
  hooks: Hooks,
  program: readonly string[],
): Promise<string | undefined> {
  const { top, env, runs, scope } = hooks
  // Git from 2.54 on runs these beside the file, wherever core.hooksPath leads.
  if (await namesOwnHooks(top, env)) return join(dirname(hooks.usual), "config")
  const file = join(runs, "pre-commit")
  if (!isExecutable(file) || isOurs(hooks, file, program)) return undefined
  const isUsers = scope !== undefined && leadsOut(hooks, runs) !== undefined
  return isUsers ? undefined : file
}

/** Byte for byte: anything else in it, a path above all, is somebody's choice. */
function isOurs({ usual }: Hooks, file: string, program: readonly string[]): boolean {
  if (!lstatSync(file).isFile()) return false
  const text = readFileSync(file, "utf8")
  return (
    text === hookScript("pre-commit", program, madeFolders(text)) ||
    text === aheadScript("pre-commit", aheadPath(usual), program)
  )
}

/** Refuses files that a setting or a link of the repository leads to, outside of it. */
export function refuseOutside(hooks: Hooks): void {
  const { file, ahead = dirname(file) } = hooks
  const led = leadsOut(hooks, dirname(file)) ?? leadsOut(hooks, ahead)
  if (led === undefined) return
  throw new VaultError("FILE_UNSAFE", `this repository's hooks lie outside of it, in ${led}`, {
    hint: "nothing was written: look at `git config --show-origin core.hooksPath` and at links on the way; or add `agent-vault guard` to the hook by hand",
  })
}

/** Where a folder really is, if that is neither in the work tree nor in its Git folder. */
export function leadsOut({ top, usual }: Hooks, folder: string): string | undefined {
  const real = reallyAt(folder)
  const isInside = [top, dirname(usual)].some((root) => contains(reallyAt(root), real))
  return isInside ? undefined : real
}

/** A path without links, also of a folder that is still to be made. */
function reallyAt(path: string): string {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat !== undefined) return accessing("find", path, () => realpathSync(path))
  return join(reallyAt(dirname(path)), relative(dirname(path), path))
}

function contains(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return !isAbsolute(way) && way.split(sep)[0] !== ".."
}
