import { existsSync, lstatSync, readFileSync } from "node:fs"
import { isAbsolute, join, relative, resolve, sep } from "node:path"
import {
  type Checkout,
  type Environment,
  VaultError,
  findCheckout,
  runQuickly,
  userSetting,
} from "../core/guard.js"
import { BEFORE } from "./hook-text.js"

/** Where the guard belongs in a repository. */
export interface Hooks {
  readonly checkout: Checkout
  readonly manager: "husky" | "lefthook" | "pre-commit" | "hooks"
  /** The file that the guard is written into. */
  readonly file: string
  /** The folder whose hooks git runs. */
  readonly folder: string
  /** What makes a manager's hooks those that git runs, if they are not yet. */
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
export async function findHooks(cwd: string, env: Environment): Promise<Hooks> {
  const checkout = findCheckout(cwd)
  if (checkout === undefined) {
    throw new VaultError("NO_REPOSITORY", `${cwd} is in no work tree of Git`, {
      hint: "go to the repository whose commits are to be guarded",
    })
  }
  const { top } = checkout
  const setting = await userSetting(top, env, "core.hooksPath")
  const folder = await hooksFolder(checkout, env, setting?.value)
  const at = (...names: string[]): string => join(top, ...names)

  if (isHusky(top, folder, setting?.value)) {
    const activate = folder === at(".husky", "_") ? {} : { activate: "npx husky" }
    return { checkout, manager: "husky", file: at(".husky", "pre-commit"), folder, ...activate }
  }
  const lefthook = LEFTHOOK.find((name) => existsSync(at(name)))
  if (lefthook !== undefined) {
    const activate = mentions(folder, "lefthook") ? {} : { activate: "npx lefthook install" }
    return { checkout, manager: "lefthook", file: at(lefthook), folder, ...activate }
  }
  if (existsSync(at(FRAMEWORK))) {
    const activate = mentions(folder, "pre-commit") ? {} : { activate: "pre-commit install" }
    return { checkout, manager: "pre-commit", file: at(FRAMEWORK), folder, ...activate }
  }
  if (setting !== undefined && !["local", "worktree"].includes(setting.scope)) {
    throw new VaultError("USAGE", `core.hooksPath of your ${setting.scope} settings is ${folder}`, {
      hint: "it serves every repository of yours: add `agent-vault guard` to its pre-commit by hand, or give this repository hooks of its own: git config core.hooksPath .githooks",
    })
  }
  return { checkout, manager: "hooks", file: join(folder, "pre-commit"), folder }
}

/** Husky 9 leads git to `.husky/_`; before `npm install` it has led it nowhere. */
function isHusky(top: string, folder: string, setting: string | undefined): boolean {
  const husky = join(top, ".husky")
  if (folder === join(husky, "_")) return true
  return (
    setting === undefined && (lstatSync(husky, { throwIfNoEntry: false })?.isDirectory() ?? false)
  )
}

async function hooksFolder(
  { top }: Checkout,
  env: Environment,
  setting: string | undefined,
): Promise<string> {
  // Git takes a relative folder from where it runs the hooks, the top of the work tree.
  if (setting !== undefined) return isAbsolute(setting) ? setting : resolve(top, setting)
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

/** A path as a person types it. */
export function shownPath({ top }: Checkout, file: string): string {
  const path = relative(top, file)
  return path.startsWith("..") ? file : path.split(sep).join("/")
}
