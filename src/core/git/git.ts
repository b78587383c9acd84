import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { devNull } from "node:os"
import { VaultError } from "../words/errors.js"
import { type Setting, settings } from "./git-config.js"
import { HARDENED, OURS, scrubbed } from "./git-environment.js"
import { gitFailure } from "./git-failure.js"
import { realPath } from "../disk/at-path.js"
import { inaccessible, isErrno } from "../words/system-error.js"
import type { Environment } from "../disk/homes.js"
import type { Checkout } from "../disk/place.js"

/** A blob's id in the repository's hash, SHA-1 or SHA-256, as hex. */
export type BlobId = string

/** Runs one git command with fixed arguments and hands back its stdout. */
export type RunGit = (args: readonly string[], options?: RunOptions) => Promise<Buffer>

export interface RunOptions {
  readonly input?: Buffer | string
  /** An index other than the user's. */
  readonly indexFile?: string
  /** Where new objects go: a folder of objects beside the repository's, which is read as well. */
  readonly objects?: ObjectFolders
  /** It talks to a remote, over the protocols of everyday and as the user set them up. */
  readonly network?: true
  /** An exit code that is an answer, and not a failure. */
  readonly answer?: number
}

/** A folder for new objects, and the one that Git reads besides. */
export interface ObjectFolders {
  readonly quarantine: string
  readonly store: string
}

/** A repository, as {@link openGit} checked it. */
export interface Git {
  readonly run: RunGit
  readonly checkout: Checkout
  readonly hash: "sha1" | "sha256"
  readonly env: Environment
  /** The settings that it had when it was opened. */
  readonly configured: readonly Setting[]
  /** Whether a remote is set up, which commits can be shared by. */
  readonly hasRemote: boolean
}

/** As many as four gits at once need, and the code that tells of a failure. */
const DESCRIPTORS = 32

/** What else is the user's own choice where a remote is talked to. */
const KEPT_FOR_NETWORK = [
  "GIT_SSH",
  "GIT_SSH_COMMAND",
  "GIT_SSH_VARIANT",
  "GIT_ASKPASS",
  "SSH_ASKPASS",
  "PREFIX",
]

/**
 * Opens the repository of a checkout. Git must find the same one from there as the files did.
 * Throws `NO_GIT`, `REPOSITORY_STATE`, `NO_ACCESS`.
 */
export async function openGit(checkout: Checkout, env: Environment): Promise<Git> {
  proveRoom()
  const look = runner(checkout.top, env, HARDENED)
  const [found, configured] = await Promise.all([
    look(["rev-parse", "--absolute-git-dir", "--show-toplevel", "--show-object-format"]),
    settings({ run: look }),
  ])
  const [gitFolder = "", top = "", hash] = found.toString("utf8").split("\n")
  if (realPath(gitFolder) !== realPath(checkout.gitFolder) || top !== checkout.top) {
    throw new VaultError(
      "REPOSITORY_STATE",
      `git takes ${top} for the work tree, not ${checkout.top}`,
      {
        hint: "unset core.worktree and the like in the repository's configuration",
      },
    )
  }
  const keys = configured.map(({ key }) => key)
  const run = runner(checkout.top, env, [...HARDENED, ...hooksOff(keys)])
  const hasRemote = keys.some((key) => /^remote\..+\.url$/s.test(key))
  return { run, checkout, hash: hash === "sha256" ? "sha256" : "sha1", env, hasRemote, configured }
}

/**
 * Settings that switch off the hooks which a configuration defines. From 2.54 on Git runs them,
 * wherever core.hooksPath leads (git-hook, "hook.<friendly-name>.enabled").
 */
function hooksOff(configured: readonly string[]): string[] {
  const names = configured.map((key) => /^(hook\..+)\.[a-z]+$/s.exec(key)?.[1])
  return [...new Set(names)].flatMap((name) => {
    if (name === undefined) return []
    if (!name.includes("=")) return [`${name}.enabled=false`]
    // Nobody can switch it off: what follows a `=` is the value.
    throw new VaultError("REPOSITORY_STATE", `the hook ${name} of Git's configuration has a "="`, {
      hint: "git config --show-origin --get-regexp ^hook; give it another name, or remove it",
    })
  })
}

/** Runs git in `folder` with a scrubbed environment. Its failures are `GIT_FAILED`, or `NO_GIT`. */
function runner(folder: string, env: Environment, config: readonly string[]): RunGit {
  const configured = config.flatMap((setting) => ["-c", setting])
  const common = { ...scrubbed(env), ...OURS }
  return async (args, options = {}) => {
    const network = options.network === undefined ? {} : networkVariables(env)
    const started: SpawnOptions = {
      cwd: folder,
      env: { ...common, ...chosen(options), ...network },
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      windowsHide: true,
    }
    try {
      return await outputOf(spawn("git", [...configured, ...args], started), options)
    } catch (cause) {
      if (isErrno(cause, "EMFILE", "ENFILE")) throw inaccessible("run", "git", cause)
      throw gitFailure(args, cause)
    }
  }
}

/** What a git prints until it ends; it fails with what it said. */
function outputOf(child: ChildProcess, { input, answer = 0 }: RunOptions): Promise<Buffer> {
  const output: Buffer[] = []
  const said: Buffer[] = []
  // Where the system has no descriptors left, there are no streams.
  child.stdout?.on("data", (data: Buffer) => output.push(data))
  child.stderr?.on("data", (data: Buffer) => said.push(data))
  // A git that is gone says why; that its stdin is closed tells nothing more.
  child.stdin?.on("error", () => {})
  child.stdin?.end(input)
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code, signal) => {
      if (code === 0 || code === answer) return resolve(Buffer.concat(output))
      const words = Buffer.concat([...output, ...said]).toString("utf8")
      reject(new Error(words || `it ended with ${code ?? signal}`))
    })
  })
}

function chosen({ indexFile, objects }: RunOptions): Record<string, string> {
  return {
    ...(indexFile === undefined ? {} : { GIT_INDEX_FILE: indexFile }),
    ...(objects === undefined
      ? {}
      : {
          GIT_OBJECT_DIRECTORY: objects.quarantine,
          GIT_ALTERNATE_OBJECT_DIRECTORIES: quotedPath(objects.store),
        }),
  }
}

/** A path in a list of paths, where a colon would end it (git(1), GIT_ALTERNATE_OBJECT_DIRECTORIES). */
function quotedPath(path: string): string {
  return `"${path.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"`
}

/** Throws `NO_ACCESS` where gits would take the last descriptors. */
function proveRoom(): void {
  const held: number[] = []
  try {
    while (held.length < DESCRIPTORS) held.push(openSync(devNull, "r"))
  } catch (cause) {
    throw inaccessible("run", "git", cause)
  } finally {
    for (const descriptor of held) closeSync(descriptor)
  }
}

function networkVariables(env: Environment): Record<string, string> {
  const kept = KEPT_FOR_NETWORK.flatMap((name) => {
    const value = env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { GIT_ALLOW_PROTOCOL: "file:git:http:https:ssh", ...Object.fromEntries(kept) }
}
