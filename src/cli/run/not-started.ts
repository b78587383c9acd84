import {
  accessSync,
  closeSync,
  existsSync,
  constants as files,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
} from "node:fs"
import { join, resolve as pathOf } from "node:path"
import { platform } from "node:process"
import { VaultError, isErrno } from "../../core/index.js"
import { type Launch, codeOf } from "./child.js"
import { shownCommand } from "./who-runs.js"

/** The most bytes of a variable that Linux gives to a program, with its name. */
const LARGEST_VARIABLE = 128 * 1024 - 1
/** What Linux takes of arguments and variables in any case, and at most. */
const [TAKEN_ANYWAY, MOST_TAKEN] = [128 * 1024, 6 * 1024 * 1024]
const POINTER = 8
/** Where the system looks for programs if nothing says where. */
const USUAL_PATH = "/usr/bin:/bin"
/** So much of a file the system looks at to find its interpreter. */
const FIRST_BYTES = 256

/** What the machine lacks to start any program: what that is, and what helps. */
const LACKS: Readonly<Record<string, readonly [string, string]>> = {
  EAGAIN: ["there are too many processes", "end some, or raise the limit (ulimit -u)"],
  EMFILE: ["too many files are open in this process", "raise the limit (ulimit -n)"],
  ENFILE: ["too many files are open on this machine", "end what holds many files, then repeat it"],
  ENOMEM: ["there is no memory left", "end what takes much memory, then repeat it"],
}

/** Why a program did not start. Node's own error would repeat its arguments. */
export function notStarted(
  command: string,
  env: Launch["env"],
  error: unknown,
  cwd = ".",
): VaultError {
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  const shown = shownCommand(command)
  if (code === "ENOENT" && command.includes("/") && existsSync(pathOf(cwd, command))) {
    return new VaultError("COMMAND_NOT_FOUND", `${shown} is there, but what it runs with is not`, {
      hint: "look at the interpreter in its first line (#!), or at its libraries",
    })
  }
  if (code === "ENOENT" || (code === "EACCES" && isNowhere(command, env, cwd))) {
    return notThere(command)
  }
  if (code === "E2BIG") {
    return new VaultError("COMMAND_NOT_STARTED", `${largest(env)} is more than the system takes`, {
      hint: "Linux takes 128 KiB a variable, and a quarter of ulimit -s in all: let the program read the value, with the SDK or agent-vault get",
    })
  }
  const lack = LACKS[code]
  if (lack !== undefined) {
    const [what, hint] = lack
    return new VaultError("COMMAND_NOT_STARTED", `${shown} cannot be run: ${what}`, { hint })
  }
  return new VaultError("COMMAND_NOT_STARTED", `${shown} cannot be run${codeOf(error)}`, {
    hint: "check that it is a program that you may execute; for a script, name its interpreter first",
  })
}

/** The system says EACCES as well if it may not look into one folder of PATH. */
function isNowhere(command: string, env: Launch["env"], cwd: string): boolean {
  return !command.includes("/") && !placesOf(command, env["PATH"], cwd).some(existsSync)
}

function notThere(command: string): VaultError {
  return new VaultError("COMMAND_NOT_FOUND", `there is no program ${shownCommand(command)}`, {
    hint: hintFor(command),
  })
}

function hintFor(command: string): string {
  if (command.includes("=")) return "set variables in front of agent-vault, or with --env-from"
  if (/\s/.test(command)) return "give each word by itself, or a line to a shell: -- sh -c 'LINE'"
  return "is it installed, and on PATH? what only a shell knows: -- sh -c 'LINE'"
}

function largest(env: Launch["env"]): string {
  const sizes = Object.entries(env).map(([name, value]) => ({
    name,
    size: Buffer.byteLength(value),
  }))
  const [most] = sizes.sort((a, b) => b.size - a.size)
  return `the environment (its largest variable is ${most?.name ?? ""}, ${most?.size ?? 0} bytes)`
}

/** Whether an absolute path leads into what the program does not see. */
type Hides = (path: Buffer) => boolean

/**
 * Throws what the system would say of a program that it does not start: where something of ours
 * starts it, that would be told by its words, to nobody or in the middle of a program's output.
 * What is hidden from the program is not there, whether it is or not.
 */
export function refuseUnstartable(
  words: readonly string[],
  env: Launch["env"],
  cwd = ".",
  hides: Hides = () => false,
): void {
  const [command = ""] = words
  const isLarge = platform === "linux" && isTooLarge(words, env)
  if (!isLarge && command.includes("/") && hides(Buffer.from(pathOf(cwd, command)))) {
    throw notThere(command)
  }
  const code = isLarge ? "E2BIG" : whyNotFound(placesOf(command, env["PATH"], cwd), cwd, hides)
  if (code === undefined) return
  throw notStarted(command, env, Object.assign(new Error(code), { code }), cwd)
}

function isTooLarge(words: readonly string[], env: Launch["env"]): boolean {
  const sizes = Object.entries(env).map(([name, value]) => Buffer.byteLength(`${name}=${value}`))
  if (sizes.some((size) => size > LARGEST_VARIABLE)) return true
  const all = [...sizes, ...words.map((word) => Buffer.byteLength(word))]
  const total = all.reduce((sum, size) => sum + size + 1 + POINTER, 0)
  return total > TAKEN_ANYWAY && total > mostTaken()
}

function mostTaken(): number {
  const stack = /^Max stack size +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]
  return Math.min(stack === undefined ? MOST_TAKEN : Number(stack) / 4, MOST_TAKEN)
}

function placesOf(command: string, path = USUAL_PATH, cwd: string): readonly string[] {
  const places = command.includes("/")
    ? [command]
    : path.split(":").map((folder) => join(folder || ".", command))
  return places.map((place) => pathOf(cwd, place))
}

function whyNotFound(places: readonly string[], cwd: string, hides: Hides): string | undefined {
  let why = "ENOENT"
  for (const place of places) {
    if (hides(Buffer.from(place))) continue
    try {
      accessSync(place, files.X_OK)
      if (!statSync(place).isFile()) why = "EACCES"
      else if (hasInterpreter(place, cwd, hides)) return undefined
    } catch (error) {
      if (isErrno(error, "EACCES")) why = "EACCES"
    }
  }
  return why
}

/** Whether a script's is there; what is no script, or cannot be read, needs none that we know. */
function hasInterpreter(file: string, cwd: string, hides: Hides): boolean {
  const interpreter = /^#![ \t]*([^ \t\n\0]+)/.exec(beginningOf(file))?.[1]
  if (interpreter === undefined) return true
  const place = Buffer.from(interpreter, "latin1")
  const from = interpreter.startsWith("/") ? "" : `${pathOf(cwd)}/`
  const path = Buffer.concat([Buffer.from(from), place])
  return !hides(path) && existsSync(path)
}

/** Its first bytes; none if it cannot be read. Who puts a pipe in its place is not waited for. */
function beginningOf(file: string): string {
  const bytes = Buffer.alloc(FIRST_BYTES)
  try {
    const descriptor = openSync(file, files.O_RDONLY | files.O_NONBLOCK)
    try {
      if (fstatSync(descriptor).isFile()) readSync(descriptor, bytes)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    // Nobody knows.
  }
  return bytes.toString("latin1")
}
