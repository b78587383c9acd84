import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  readFileSync,
  readdirSync,
  realpathSync,
  statSync,
} from "node:fs"
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path"
import {
  type Environment,
  VaultError,
  findCheckout,
  isIgnored,
  runQuickly,
  userSettings,
} from "../../core/guard.js"
import { beforeName } from "./hook-text.js"
import { HOOK_ID } from "./manager-text.js"

/** Where the guard belongs in a repository. */
export interface Hooks {
  /** The top of the work tree. */
  readonly top: string
  /** The environment for each git that runs here. */
  readonly env: Environment
  readonly manager: "husky" | "lefthook" | "pre-commit" | "hooks"
  /** The file that the guard is written into. */
  readonly file: string
  /** Whether others get that file as well, with the next commit. */
  readonly isShared: boolean
  /** The folder whose hooks git runs, or would run without {@link Hooks.ahead}. */
  readonly folder: string
  /** The folder whose hooks git runs now. */
  readonly runs: string
  /** The one that it runs where no setting leads elsewhere. */
  readonly usual: string
  /** Whose setting leads to hooks of all of a user's repositories: they are not ours to change. */
  readonly scope?: string
  /** What makes git run a manager's hooks, if it does not yet. */
  readonly activate?: string
  /**
   * The folder of hooks of ours that belong ahead of the manager's: husky's folder `_` is in no
   * commit, so it is absent in a work tree that `git worktree add` made, and git then runs nothing;
   * simple-git-hooks writes over every hook at each run.
   */
  readonly ahead?: string
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
  const settings = await userSettings(top, env, "core.hooksPath")
  const usual = await usualFolder(top, env)
  const ours = aheadFolder(usual)
  const isOurs = ({ value }: { value: string }): boolean => resolve(top, value) === ours
  const setting = settings.findLast((each) => !isOurs(each))
  // Git takes a relative folder from where it runs the hooks, the top of the work tree.
  const folder = setting === undefined ? usual : resolve(top, setting.value)
  const isLed = settings.slice(-1).some(isOurs)
  const runs = isLed ? ours : folder
  const at = (...names: string[]): string => join(top, ...names)
  const hooks = async (
    manager: Hooks["manager"],
    file: string,
    activate?: string,
  ): Promise<Hooks> => {
    const isInTree = manager !== "hooks" || (setting !== undefined && isTracked(top, folder))
    const isShared = isInTree && !(await isIgnored(top, env, file))
    const place = { top, env, manager, file, isShared, folder, usual, runs }
    const missing = (isLed ? undefined : switchedOff(manager, env)) ?? activate
    return missing === undefined ? place : { ...place, activate: missing }
  }

  const husky = huskyFolder(top, folder, setting?.value)
  if (husky !== undefined) {
    const place = await hooks("husky", join(husky, "pre-commit"))
    // The configuration of one work tree comes after that of the clone.
    return setting?.scope === "worktree" ? place : { ...place, ahead: ours }
  }
  const lefthook = LEFTHOOK.find((name) => isFile(at(name)))
  if (lefthook !== undefined) {
    const isActive = mentions(folder, "lefthook")
    return hooks("lefthook", at(lefthook), isActive ? undefined : "npx lefthook install")
  }
  if (isFile(at(FRAMEWORK))) {
    const isActive = mentions(folder, "pre-commit")
    return hooks("pre-commit", at(FRAMEWORK), isActive ? undefined : "pre-commit install")
  }
  if (setting?.scope !== "worktree" && (isLed || isWrittenAnew(folder))) {
    const place = await hooks("hooks", join(ours, "pre-commit"))
    return { ...place, isShared: false, ahead: ours }
  }
  const file = join(folder, "pre-commit")
  if (setting === undefined || ["local", "worktree"].includes(setting.scope)) {
    return hooks("hooks", file)
  }
  const byHand = `add \`agent-vault guard\` to ${file} by hand, or give this repository hooks of its own: git config core.hooksPath .githooks`
  return { ...(await hooks("hooks", file, byHand)), scope: setting.scope }
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

/** The command that takes back the user's own switch, if one makes the manager run nothing. */
function switchedOff(manager: Hooks["manager"], env: Environment): string | undefined {
  if (manager === "husky" && env["HUSKY"] === "0") return "unset HUSKY"
  if (manager === "lefthook" && /^(?:0|false)$/.test(env["LEFTHOOK"] ?? "")) return "unset LEFTHOOK"
  if (manager === "pre-commit" && skips(env["SKIP"])) return "unset SKIP"
  return undefined
}

function skips(list = ""): boolean {
  return list.split(",").some((id) => id.trim() === HOOK_ID)
}

/**
 * Husky 9 leads git to the folder `_` in its own, which may lie below the top with the project that
 * has husky; before `npm install` it has led it nowhere.
 */
function huskyFolder(top: string, folder: string, setting: string | undefined): string | undefined {
  const husky = join(top, ".husky")
  if (folder === join(husky, "_")) return husky
  if (setting === undefined) {
    return lstatSync(husky, { throwIfNoEntry: false })?.isDirectory() === true ? husky : undefined
  }
  const isHusky = basename(folder) === "_" && existsSync(join(folder, "h"))
  return isHusky && isTracked(top, folder) ? dirname(folder) : undefined
}

async function usualFolder(top: string, env: Environment): Promise<string> {
  const common = await runQuickly(top, env, ["rev-parse", "--git-common-dir"])
  return resolve(top, common.toString("utf8").trimEnd(), "hooks")
}

/** The folder of hooks of ours that go ahead of a manager's, beside the one that is usual in a clone. */
export function aheadFolder(usual: string): string {
  return join(realpathSync(dirname(usual)), "agent-vault-guard", "hooks")
}

/** What a pipe is, nobody waits for. */
function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

/** Whether the hook that git runs, or the one that it starts, is a manager's. */
function mentions(folder: string, manager: string): boolean {
  return ["pre-commit", beforeName("pre-commit")].some((name) => {
    const file = join(folder, name)
    if (!isFile(file)) return false
    const text = readFileSync(file, "latin1").replaceAll("agent-vault guard", "")
    return manager === "pre-commit"
      ? /pre-commit\.com|pre_commit/.test(text)
      : text.includes(manager)
  })
}

/** Whether a hook there is of simple-git-hooks, which writes or removes every hook at each run. */
function isWrittenAnew(folder: string): boolean {
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.some((name) => {
    const file = join(folder, name)
    return lstatSync(file).isFile() && readFileSync(file).includes("SKIP_SIMPLE_GIT_HOOKS")
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

/** A file, as a person types it. */
export function shownPath({ top }: Hooks, file: string): string {
  const path = relative(top, file)
  return isAbsolute(path) || path.startsWith("..") ? file : path.split(sep).join("/")
}
