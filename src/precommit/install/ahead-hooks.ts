import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs"
import { dirname, join, sep } from "node:path"
import {
  VaultError,
  ownSettings,
  refuseLinksOut,
  runQuickly,
  userSettings,
} from "../../core/guard.js"
import { CHAIN_VARIABLE, aheadScript, hasGuard, isAsWritten } from "./hook-text.js"
import { type Hooks, aheadFolder } from "./hooks.js"
import { writeHook } from "./own-hook.js"

// Hooks of ours in the Git folder, ahead of those of a manager whose own are not in every work tree
// or are written anew. A section at the end of the clone's configuration leads git to them, in all
// work trees. A manager that sets core.hooksPath sets it above that section, where it does not
// hold; these hooks read it there, and start what git would run without them.

/** Those that husky makes: git runs each from one folder, so each is handed on. */
const HANDED_ON = [
  "pre-commit",
  "pre-merge-commit",
  "prepare-commit-msg",
  "commit-msg",
  "post-commit",
  "applypatch-msg",
  "pre-applypatch",
  "post-applypatch",
  "pre-rebase",
  "post-rewrite",
  "post-checkout",
  "post-merge",
  "pre-push",
  "pre-auto-gc",
]

type Clone = Pick<Hooks, "top" | "env" | "usual">

/** The folder of these hooks, as Git's configuration has it. */
export function aheadPath(usual: string): string {
  return slashed(aheadFolder(usual))
}

/**
 * Returns the hooks with the guard in them that it changed. Throws `EXISTS`, `GIT_FAILED`,
 * `FILE_UNSAFE`.
 */
export async function installAhead(
  clone: Clone,
  program: readonly string[],
  prePush: boolean,
): Promise<readonly string[]> {
  refuseLinksOut(dirname(clone.usual))
  const folder = aheadFolder(clone.usual)
  const present = aheadHooks(clone)
  const guards: readonly string[] = prePush ? ["pre-commit", "pre-push"] : ["pre-commit"]
  mkdirSync(folder, { recursive: true })
  const changed = HANDED_ON.filter((name) => {
    const isGuard = guards.includes(name) || startsGuard(present.get(name))
    const script = aheadScript(name, aheadPath(clone.usual), isGuard ? program : undefined)
    if (present.get(name) === script) return false
    writeHook(join(folder, name), script)
    return isGuard
  })
  const isNew = await lead(clone, folder)
  return (isNew ? guards : changed).map((name) => join(folder, name))
}

/**
 * Returns the hooks with the guard in them that were there. Throws `EXISTS`, `GIT_FAILED`,
 * `FILE_UNSAFE`.
 */
export async function uninstallAhead(clone: Clone): Promise<readonly string[]> {
  const folder = aheadFolder(clone.usual)
  const present = aheadHooks(clone)
  for (const { key, value } of await sections(clone)) await unset(clone, key, value)
  rmSync(dirname(folder), { recursive: true, force: true })
  return [...present].flatMap(([name, text]) => (startsGuard(text) ? join(folder, name) : []))
}

/** Whether a hook of these starts the guard. */
function startsGuard(text: string | undefined): boolean {
  return text?.includes(CHAIN_VARIABLE) === true
}

/** The files in that folder, by name. Throws `EXISTS` if somebody else wrote one. */
export function aheadHooks({ usual }: Pick<Clone, "usual">): ReadonlyMap<string, string> {
  const folder = aheadFolder(usual)
  const names = existsSync(folder) ? readdirSync(folder) : []
  return new Map(
    names.map((name) => {
      const file = join(folder, name)
      const text = lstatSync(file).isFile() ? readFileSync(file, "utf8") : ""
      if (hasGuard(text) && isAsWritten(text)) return [name, text]
      throw new VaultError(
        "EXISTS",
        `${file} is in a folder of the guard's, which did not write it`,
        {
          hint: "nothing was done: your own steps belong into the hooks of whoever manages them; move this file away, then repeat the command",
        },
      )
    }),
  )
}

/**
 * Has git run these hooks. A clone that is moved or copied is led nowhere: the condition holds for
 * this folder, and the file that is included is named in full. Returns whether anything changed.
 */
async function lead(clone: Clone, folder: string): Promise<boolean> {
  const { top, env, usual } = clone
  const ours = aheadPath(usual)
  const present = await sections(clone)
  const settings = await userSettings(top, env, "core.hooksPath")
  if (present.length === 1 && settings.at(-1)?.value === ours) return false
  const config = join(dirname(folder), CONFIG)
  // Git would write through a link.
  if (lstatSync(config, { throwIfNoEntry: false })?.isSymbolicLink() === true) rmSync(config)
  await runQuickly(top, env, ["config", "--file", config, "core.hooksPath", ours])
  // A section that is new comes last, so what it includes holds.
  for (const { key, value } of present) await unset(clone, key, value)
  const around = slashed(dirname(dirname(dirname(folder)))).replace(/[\\*?[\]]/g, "\\$&")
  const key = `includeIf.gitdir:${around.replace(/\/?$/, "/")}.path`
  await runQuickly(top, env, ["config", "--local", "--add", key, slashed(config)])
  return true
}

const CONFIG = "config"

/** The settings of the clone that lead to these hooks, also from where the clone was before. */
async function sections({ top, env }: Clone) {
  const all = await ownSettings(top, env, "^includeif\\.gitdir:.*\\.path$")
  return all.filter(({ value }) => value.endsWith(`/agent-vault-guard/${CONFIG}`))
}

async function unset({ top, env, usual }: Clone, key: string, value: string): Promise<void> {
  refuseLinksOut(dirname(usual))
  const exactly = `^${value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`
  await runQuickly(top, env, ["config", "--local", "--unset-all", key, exactly])
}

/** As Git writes paths in its configuration. */
function slashed(path: string): string {
  return path.split(sep).join("/")
}
