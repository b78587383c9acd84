import { LIMITS } from "../words/limits.js"
import { type ChildProcess, spawn } from "node:child_process"
import { VaultError } from "../words/errors.js"
import { gitFailure } from "./git-failure.js"
import { HARDENED, OURS, gitProgram, scrubbed } from "./git-environment.js"
import type { Environment } from "../disk/homes.js"

// Git for the guard, which runs at every commit: no library to load, and one process that hands
// out all contents. Hardened and scrubbed as git.ts is.

/** What Git tells a hook: `git commit -a` and `-p` have an index of their own. */
const TOLD_TO_HOOKS = [
  "GIT_DIR",
  "GIT_COMMON_DIR",
  "GIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_PREFIX",
  "GIT_OBJECT_DIRECTORY",
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_QUARANTINE_PATH",
]

const ARGUMENTS = HARDENED.flatMap((setting) => ["-c", setting])

/** A blob of at most `LIMITS.guardWhole` bytes, or the size of a larger one. */
export interface Blob {
  readonly size: number
  readonly bytes?: Buffer
}

/** Takes the next piece of a large blob: of `LIMITS.guardPiece` bytes, but for the last one. */
export type TakePiece = (piece: Buffer) => void

/** Larger blobs are handed out in pieces, and never held as a whole. */
const WHOLE = LIMITS.guardWhole

/** Runs one git command and hands back its stdout. Throws `GIT_FAILED`, `NO_GIT`. */
export function runQuickly(
  folder: string,
  env: Environment,
  args: readonly string[],
  input?: Buffer | string,
): Promise<Buffer> {
  return collect(start(folder, env, args, input === undefined ? "ignore" : "pipe"), args, input)
}

/**
 * Runs a git command as the user would, hooks and configuration included: for the proof that a
 * hook works. Hands back all that it printed and its exit code.
 */
export function runAsUser(
  folder: string,
  env: Environment,
  command: string,
  args: readonly string[],
): Promise<{ readonly said: string; readonly code: number }> {
  const child = spawn(command, args, {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
  })
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => chunks.push(chunk))
  }
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(gitFailure([command, ...args], error)))
    child.once("close", (code) => {
      resolve({ said: Buffer.concat(chunks).toString("utf8"), code: code ?? 1 })
    })
  })
}

/** Where `git config` finds the settings of a path, and what they are; the last one holds. */
export async function userSettings(
  folder: string,
  env: Environment,
  name: string,
): Promise<readonly { readonly scope: string; readonly value: string }[]> {
  const environment = { ...scrubbed(env, TOLD_TO_HOOKS), ...OURS }
  const args = ["config", "--show-scope", "--null", "--type=path", "--get-all", name]
  const { said, code } = await runAsUser(folder, environment, gitProgram(env), args)
  const fields = code === 0 ? said.split("\0") : []
  return fields.flatMap((value, at) => (at % 2 === 0 ? [] : { scope: fields[at - 1] ?? "", value }))
}

/** Settings in a repository's own configuration, but for what that includes. */
export async function ownSettings(
  folder: string,
  env: Environment,
  keys: string,
): Promise<readonly { readonly key: string; readonly value: string }[]> {
  const environment = { ...scrubbed(env, TOLD_TO_HOOKS), ...OURS }
  const args = ["config", "--local", "--null", "--get-regexp", keys]
  const { said, code } = await runAsUser(folder, environment, gitProgram(env), args)
  const entries = code === 0 ? said.split("\0").slice(0, -1) : []
  return entries.map((entry) => {
    const [, key = "", value = ""] = /^([^\n]*)\n?(.*)$/s.exec(entry) ?? []
    return { key, value }
  })
}

/** Whether git leaves a file, an absolute path, out of commits, so that no other clone gets it. */
export async function isIgnored(folder: string, env: Environment, file: string): Promise<boolean> {
  // This command takes its path literally, and refuses to be told so.
  const told = { ...scrubbed(env, TOLD_TO_HOOKS), ...OURS, GIT_LITERAL_PATHSPECS: "0" }
  const args = [...ARGUMENTS, "check-ignore", "--quiet", "--", file]
  return (await runAsUser(folder, told, gitProgram(env), args)).code === 0
}

/** Whether the repository's own configuration names programs that git runs as hooks (`hook.NAME.command`). */
export async function namesOwnHooks(folder: string, env: Environment): Promise<boolean> {
  const environment = { ...scrubbed(env, TOLD_TO_HOOKS), ...OURS }
  const args = ["config", "--show-scope", "--null", "--name-only", "--get-regexp", "^hook\\."]
  const { said } = await runAsUser(folder, environment, gitProgram(env), args)
  return /(?:^|\0)(?:local|worktree)\0/.test(said)
}

/** The contents of blobs, from one `git cat-file` that waits for more. */
export class Blobs {
  readonly #child: ChildProcess
  readonly #waiting: Waiting[] = []
  #failure: VaultError | undefined
  #held: Buffer[] = []
  #heldBytes = 0
  #piece: Piece | undefined

  constructor(folder: string, env: Environment) {
    const args = ["cat-file", "--batch"]
    const child = start(folder, env, args)
    this.#child = child
    let said = ""
    child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")))
    child.stdout?.on("data", (chunk: Buffer) => this.#take(chunk))
    // A git that is gone says so below; that its stdin is closed tells nothing more.
    child.stdin?.on("error", () => {})
    child.once("error", (error) => this.#fail(gitFailure(args, error)))
    child.once("close", (code) => {
      this.#fail(gitFailure(args, new Error(said || `it ended with ${code ?? "a signal"}`)))
    })
  }

  /**
   * The blob of an id, or of a name like `:path` for the index; undefined if there is none. A blob
   * over `LIMITS.guardWhole` goes to `take`, piece by piece. A name holds no line break.
   */
  read(name: string, take: TakePiece = () => {}): Promise<Blob | undefined> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject, take })
      this.#ask(name)
    })
  }

  /** Lets git go, without waiting for its end: everything was answered. */
  end(): void {
    const { stdin, stdout, stderr } = this.#child
    for (const stream of [stdin, stdout, stderr]) stream?.destroy()
    this.#child.unref()
  }

  /** What is asked for at once goes to git in one piece. */
  #ask(name: string): void {
    const { stdin } = this.#child
    stdin?.cork()
    stdin?.write(`${name}\n`)
    queueMicrotask(() => stdin?.uncork())
  }

  #take(chunk: Buffer): void {
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    while (this.#waiting.length > 0 && this.#next()) {
      // As many answers as are there.
    }
  }

  /** Handles the next answer, or the next piece of one; false until more of it has come. */
  #next(): boolean {
    const piece = this.#piece ?? this.#header()
    if (piece === undefined || piece === "answered") return piece !== undefined
    this.#piece = piece
    const isWhole = piece.size <= WHOLE
    const left = piece.size - piece.at
    const wanted = isWhole ? left : Math.min(left, LIMITS.guardPiece)
    // A line break ends the content.
    if (this.#heldBytes < wanted + (wanted === left ? 1 : 0)) return false
    const bytes = this.#join().subarray(0, wanted)
    if (!isWhole) this.#waiting[0]?.take(bytes)
    if (wanted < left) {
      this.#drop(wanted)
      piece.at += wanted
      return true
    }
    this.#drop(wanted + 1)
    this.#answer(isWhole ? { size: piece.size, bytes } : { size: piece.size })
    return true
  }

  /** The line before a content, `ID blob SIZE`; one that has no content is the whole answer. */
  #header(): Piece | "answered" | undefined {
    const held = this.#held.length > 0 ? this.#join() : Buffer.alloc(0)
    const end = held.indexOf(10)
    if (end === -1) return undefined
    const line = held.toString("latin1", 0, end)
    this.#drop(end + 1)
    const [, size] = /^[0-9a-f]+ blob (\d+)$/.exec(line) ?? []
    if (size !== undefined) return { size: Number(size), at: 0 }
    // Git reports a missing object in words. We skip the content of a tree or a commit.
    if (/^[0-9a-f]+ (?:tree|commit|tag) \d+$/.test(line)) {
      this.#fail(new VaultError("GIT_FAILED", `git cat-file: ${line} is not a blob`))
      return undefined
    }
    this.#answer(undefined)
    return "answered"
  }

  #join(): Buffer {
    if (this.#held.length > 1) this.#held = [Buffer.concat(this.#held)]
    return this.#held[0] ?? Buffer.alloc(0)
  }

  #drop(count: number): void {
    const rest = this.#join().subarray(count)
    this.#held = rest.length > 0 ? [rest] : []
    this.#heldBytes = rest.length
  }

  #answer(blob: Blob | undefined): void {
    this.#piece = undefined
    this.#waiting.shift()?.resolve(blob)
  }

  #fail(error: VaultError): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure)
  }
}

interface Waiting {
  readonly resolve: (blob: Blob | undefined) => void
  readonly reject: (error: VaultError) => void
  readonly take: TakePiece
}

/** A content whose bytes before `at` have been used. */
interface Piece {
  readonly size: number
  at: number
}

function start(
  folder: string,
  env: Environment,
  args: readonly string[],
  stdin: "pipe" | "ignore" = "pipe",
): ChildProcess {
  return spawn(gitProgram(env), [...ARGUMENTS, ...args], {
    cwd: folder,
    env: { ...scrubbed(env, TOLD_TO_HOOKS), ...OURS },
    stdio: [stdin, "pipe", "pipe"],
    windowsHide: true,
  })
}

function collect(
  child: ChildProcess,
  args: readonly string[],
  input: Buffer | string = "",
): Promise<Buffer> {
  const output: Buffer[] = []
  let said = ""
  child.stdout?.on("data", (chunk: Buffer) => output.push(chunk))
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")))
  child.stdin?.on("error", () => {})
  child.stdin?.end(input)
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(gitFailure(args, error)))
    child.once("close", (code) => {
      if (code === 0) resolve(Buffer.concat(output))
      else reject(gitFailure(args, new Error(said || `it ended with ${code ?? "a signal"}`)))
    })
  })
}
