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
import { type Environment, VaultError, harmless, replaceFile, toJson } from "../core/guard.js"
import {
  BEFORE,
  hasGuard,
  hookScript,
  intoFramework,
  intoLefthook,
  intoScript,
  isEdited,
  madeFolders,
  namesHook,
  withoutGuard,
} from "./hook-text.js"
import { type Hooks, findHooks, isExecutable, shownPath } from "./hooks.js"
import { type Proof, proveGuard } from "./proof.js"

/** What is asked for, and of whom. */
export interface InstallRequest {
  readonly action: "install" | "uninstall" | "status"
  readonly json: boolean
  readonly cwd: string
  readonly env: Environment
  /** How this program is started: the command and its first arguments, as absolute paths. */
  readonly program: readonly string[]
  readonly write: (document: string) => Promise<void>
  readonly say: (line: string) => void
}

const DONE = 0
const NOT_GUARDED = 1

/**
 * Installs the guard where the repository's hooks are managed, takes it away, or tells whether it
 * is there. Resolves to 0, or to 1 if commits are not guarded after `install`, or at `status`.
 * Throws `NO_REPOSITORY`, `USAGE`, `FILE_UNSAFE`, `NO_ACCESS`, `EXISTS`.
 */
export async function guardInstallation(request: InstallRequest): Promise<number> {
  const { action, cwd, env, program } = request
  const hooks = await findHooks(cwd, env)
  const changed =
    action === "install" ? install(hooks, program) : action === "uninstall" && uninstall(hooks)
  if (action === "uninstall") {
    await tell(request, hooks, changed, undefined)
    return DONE
  }
  const proof = await proveGuard(hooks)
  await tell(request, hooks, changed, proof)
  return proof.stopped ? DONE : NOT_GUARDED
}

/** Returns whether anything changed. */
function install(hooks: Hooks, program: readonly string[]): boolean {
  if (hooks.manager === "hooks") return installHook(hooks, program)
  const { file, manager } = hooks
  const text = readPlain(file)
  if (text !== undefined && (hasGuard(text) || namesHook(text))) return false
  if (manager === "husky") {
    writePlain(file, intoScript(text))
    return true
  }
  if (manager === "lefthook" && !/\.ya?ml$/.test(file)) {
    throw new VaultError("USAGE", `${file} is no YAML, and is not changed by a program`, {
      hint: "add a job to pre-commit by hand: name `agent-vault guard`, run `npx --no -- agent-vault guard`",
    })
  }
  writePlain(file, manager === "lefthook" ? intoLefthook(text ?? "") : intoFramework(text ?? ""))
  return true
}

function uninstall({ manager, file, folder, usualFolder }: Hooks): boolean {
  // The manager may have come after the guard, and have set our hook aside, or led git elsewhere.
  const isHookGone = [...new Set([folder, usualFolder])]
    .flatMap((place) =>
      ["pre-commit", "pre-commit.legacy", "pre-commit.old"].map((name) =>
        uninstallHook(place, join(place, name)),
      ),
    )
    .some(Boolean)
  const text = manager === "hooks" ? undefined : readPlain(file)
  if (text === undefined || !hasGuard(text)) return isHookGone
  const rest = withoutGuard(text)
  if (rest === undefined) unlinkSync(file)
  else writePlain(file, rest)
  return true
}

/** The hook that is there, whatever it is, gets another name, and runs before ours. */
function installHook({ file, folder, isShared }: Hooks, program: readonly string[]): boolean {
  // A folder in the work tree is for others too, who have this program somewhere else.
  const known = isShared ? [] : program
  const before = join(folder, BEFORE)
  const present = lstatSync(file, { throwIfNoEntry: false })
  const ours = present?.isFile() === true ? readFileSync(file, "utf8") : ""
  if (isOurHook(ours)) {
    const script = hookScript(known, madeFolders(ours))
    if (script === ours && isExecutable(file)) return false
    refuseEdited(file, ours)
    writeHook(file, script)
    return true
  }
  if (present?.isDirectory() === true) throw inTheWay(file)
  if (present !== undefined && lstatSync(before, { throwIfNoEntry: false })) throw inTheWay(before)
  const newFolders = makeFolder(folder)
  if (present !== undefined) renameSync(file, before)
  try {
    writeHook(file, hookScript(known, newFolders))
  } catch (error) {
    if (present !== undefined) renameSync(before, file)
    throw error
  }
  return true
}

/** Returns how many folders had to be made. */
function makeFolder(folder: string): number {
  if (existsSync(folder)) return 0
  const above = makeFolder(dirname(folder))
  mkdirSync(folder)
  return above + 1
}

function writeHook(file: string, script: string): void {
  replaceFile(file, script, 0o755)
  // What the umask took away: a hook that may not be executed is not run.
  chmodSync(file, 0o755)
}

function uninstallHook(folder: string, file: string): boolean {
  const present = lstatSync(file, { throwIfNoEntry: false })
  if (present?.isFile() !== true) return false
  const text = readFileSync(file, "utf8")
  if (!isOurHook(text)) return false
  refuseEdited(file, text)
  const before = join(folder, BEFORE)
  if (lstatSync(before, { throwIfNoEntry: false })) renameSync(before, file)
  else unlinkSync(file)
  let empty = folder
  for (let left = madeFolders(text); left > 0 && readdirSync(empty).length === 0; left -= 1) {
    rmdirSync(empty)
    empty = dirname(empty)
  }
  return true
}

/** What somebody has added to our hook is not ours to remove. */
function refuseEdited(file: string, text: string): void {
  if (!isEdited(text)) return
  throw new VaultError("EXISTS", `${file} was edited since the guard wrote it`, {
    hint: `move what was added to ${BEFORE} beside it, which runs first; then repeat the command`,
  })
}

/** By its second line: a script of somebody else's may start ours. */
function isOurHook(text: string): boolean {
  return hasGuard(text.split("\n")[1] ?? "")
}

function readPlain(file: string): string | undefined {
  const stat = lstatSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return undefined
  if (stat.isFile()) return readFileSync(file, "utf8")
  throw new VaultError("FILE_UNSAFE", `${file} is refused: it is no plain file`, {
    hint: "a link is not followed: install the guard where it leads to",
  })
}

function writePlain(file: string, text: string): void {
  const mode = lstatSync(file, { throwIfNoEntry: false })?.mode ?? 0o644
  replaceFile(file, text, mode & 0o777)
}

function inTheWay(file: string): VaultError {
  return new VaultError("EXISTS", `${file} is in the way`, {
    hint: "look what it is, and move it away; then: agent-vault guard install",
  })
}

async function tell(
  { action, json, write, say }: InstallRequest,
  hooks: Hooks,
  changed: boolean,
  proof: Proof | undefined,
): Promise<void> {
  const { manager, activate, isShared } = hooks
  const file = shownPath(hooks)
  if (json) {
    const guarded = proof === undefined ? {} : { guarded: proof.stopped, proof: proof.what }
    await write(`${toJson({ manager, file, changed, ...guarded }, 2)}\n`)
    return
  }
  const lines = [
    ...(action === "status"
      ? []
      : [`${changed ? CHANGED[action] : UNCHANGED[action]} ${file} (${manager})`]),
    ...(proof === undefined ? [] : [proof.what]),
    ...(proof?.stopped === false ? [`  next: ${nextStep(action, activate, proof)}`] : []),
    ...(changed && isShared ? [`  commit ${file}, so that it is so for everybody`] : []),
  ]
  for (const line of lines) say(harmless(line))
}

const CHANGED = { install: "The guard is in", uninstall: "The guard is gone from" }
const UNCHANGED = { install: "The guard was already in", uninstall: "There was no guard in" }

function nextStep(
  action: InstallRequest["action"],
  activate: string | undefined,
  { blocked = false }: Proof,
): string {
  if (activate !== undefined) return `${activate}; then: agent-vault guard status`
  if (action === "install" || blocked) return "make a commit and see what git says"
  return "agent-vault guard install"
}
