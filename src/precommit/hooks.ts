import { accessSync, constants, existsSync, lstatSync, readFileSync } from "node:fs"
import { isAbsolute, join, relative, resolve, sep } from "node:path"
import {
  type Environment,
  VaultError,
  findCheckout,
  runQuickly,
  userSetting,
} from "../core/guard.js"
import { BEFORE, HOOK_ID } from "./hook-text.js"

/** Where the guard belongs in a repository. */
export interface Hooks {
  /** The top of the work tree. */
  readonly top: string
  /** What git is to be told of it, from the top. */
  readonly env: Environment
  readonly manager: "husky" | "lefthook" | "pre-commit" | "hooks"
  /** The file that the guard is written into. */
  readonly file: string
  /** Whether others get that file as well, with the next commit. */
  readonly isShared: boolean
  /** The folder whose hooks git runs. */
  readonly folder: string
  /** The folder whose hooks git runs if it is not led elsewhere. */
  readonly usualFolder: string
  /** What makes git run a manager's hooks, if it does not yet. */
  readonly activate?: string
}

const LEFTHOOK = ["", ".", ".config/"].flatMap((start) =>
  ["yml", "yaml", "toml", "json", "jsonc"].map((ending) => `${start}lefthook.${ending}`),
)
const FRAMEWORK = ".pre-commit-config.yaml"

/**
 * Finds who manages the hooks of the work tree around `cwd`: husky by the folder that git is led
 * to, others by their configuration. Throws `NO_REPOSITORY`, `USAGE`.
 */
export async function findHooks(cwd: string, told: Environment): Promise<Hooks> {
  const { top, env } = await findWorkTree(cwd, told)
  const setting = await userSetting(top, env, "core.hooksPath")
  const usualFolder = await hooksOfClone(top, env)
  // Git takes a relative folder from where it runs the hooks, the top of the work tree.
  const folder = setting === undefined ? usualFolder : resolve(top, setting.value)
  const at = (...names: string[]): string => join(top, ...names)
  const hooks = (manager: Hooks["manager"], file: string, activate?: string): Hooks => {
    const isShared = manager !== "hooks" || (setting !== undefined && isTracked(top, folder))
    const place = { top, env, manager, file, isShared, folder, usualFolder }
    const missing = switchedOff(manager, env) ?? activate
    return missing === undefined ? place : { ...place, activate: missing }
  }

  if (isHusky(top, folder, setting?.value)) {
    const isActive = folder === at(".husky", "_")
    return hooks("husky", at(".husky", "pre-commit"), isActive ? undefined : "npx husky")
  }
  const lefthook = LEFTHOOK.find((name) => existsSync(at(name)))
  if (lefthook !== undefined) {
    const isActive = mentions(folder, "lefthook")
    return hooks("lefthook", at(lefthook), isActive ? undefined : "npx lefthook install")
  }
  if (existsSync(at(FRAMEWORK))) {
    const isActive = mentions(folder, "pre-commit")
    return hooks("pre-commit", at(FRAMEWORK), isActive ? undefined : "pre-commit install")
  }
  if (setting !== undefined && !["local", "worktree"].includes(setting.scope)) {
    throw new VaultError("USAGE", `core.hooksPath of your ${setting.scope} settings is ${folder}`, {
      hint: "it serves every repository of yours: add `agent-vault guard` to its pre-commit by hand, or give this repository hooks of its own: git config core.hooksPath .githooks",
    })
  }
  return hooks("hooks", join(folder, "pre-commit"))
}

function isTracked(top: string, folder: string): boolean {
  const path = relative(top, folder)
  return !isAbsolute(path) && ![".git", ".."].includes(path.split(sep)[0] ?? "")
}

/** The work tree around `cwd`, or the one that the variables of Git name. */
async function findWorkTree(
  cwd: string,
  env: Environment,
): Promise<{ readonly top: string; readonly env: Environment }> {
  const none = (cause?: unknown): VaultError =>
    new VaultError("NO_REPOSITORY", `${cwd} is in no work tree of Git`, {
      hint: "go to the repository whose commits are to be guarded",
      cause,
    })
  const gitFolder = env["GIT_DIR"]
  if (gitFolder) {
    const said = await runQuickly(cwd, env, ["rev-parse", "--show-toplevel"]).catch((cause) => {
      throw none(cause)
    })
    const top = said.toString("utf8").replace(/\r?\n$/, "")
    return { top, env: { ...env, GIT_DIR: resolve(cwd, gitFolder), GIT_WORK_TREE: top } }
  }
  const checkout = findCheckout(cwd)
  if (checkout === undefined) throw none()
  return { top: checkout.top, env }
}

/** How the user has told a manager to run nothing, in words that take it back. */
function switchedOff(manager: Hooks["manager"], env: Environment): string | undefined {
  if (manager === "husky" && env["HUSKY"] === "0") return "unset HUSKY"
  if (manager === "lefthook" && /^(?:0|false)$/.test(env["LEFTHOOK"] ?? "")) return "unset LEFTHOOK"
  if (manager === "pre-commit" && skips(env["SKIP"])) return "unset SKIP"
  return undefined
}

function skips(list = ""): boolean {
  return list.split(",").some((id) => id.trim() === HOOK_ID)
}

/** Husky 9 leads git to `.husky/_`; before `npm install` it has led it nowhere. */
function isHusky(top: string, folder: string, setting: string | undefined): boolean {
  const husky = join(top, ".husky")
  if (folder === join(husky, "_")) return true
  return (
    setting === undefined && (lstatSync(husky, { throwIfNoEntry: false })?.isDirectory() ?? false)
  )
}

async function hooksOfClone(top: string, env: Environment): Promise<string> {
  const common = await runQuickly(top, env, ["rev-parse", "--git-common-dir"])
  return resolve(top, common.toString("utf8").trimEnd(), "hooks")
}

/** Whether the hook that git runs, or the one that it starts, is a manager's. */
function mentions(folder: string, manager: string): boolean {
  return ["pre-commit", BEFORE].some((name) => {
    const file = join(folder, name)
    if (!existsSync(file)) return false
    const text = readFileSync(file, "latin1").replaceAll("agent-vault guard", "")
    return manager === "pre-commit"
      ? /pre-commit\.com|pre_commit/.test(text)
      : text.includes(manager)
  })
}

/** Whether git would run a hook: where a file has no mode, it would. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The file of the hooks, as a person types it. */
export function shownPath({ top, file }: Hooks): string {
  const path = relative(top, file)
  return isAbsolute(path) || path.startsWith("..") ? file : path.split(sep).join("/")
}
