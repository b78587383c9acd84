import { closeSync, openSync } from "node:fs"
import { devNull } from "node:os"
import { simpleGit } from "simple-git"
import { VaultError } from "../words/errors.js"
import { inaccessible } from "../words/system-error.js"
import { type Setting, settable, settings } from "./git-config.js"
import { gitFailure } from "./git-failure.js"
import { refuseLinksOut } from "./git-links.js"
import { HARDENED, KEPT, OURS, gitProgram, scrubbed } from "./git-environment.js"
import { realPath } from "../disk/at-path.js"
import type { Environment } from "../disk/homes.js"
import type { Checkout, Place } from "../disk/place.js"

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

/** As many as four gits at once need. */
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

/** The checkout around a vault; `hint` says why one is needed. Throws `NO_REPOSITORY`. */
export function checkoutAround({ root, checkout }: Place, hint: string): Checkout {
  if (checkout !== undefined) return checkout
  throw new VaultError("NO_REPOSITORY", `${root} lies in no Git work tree`, { hint })
}

/**
 * Opens the repository of a checkout. Git must find the same one from there as the files did.
 * Throws `NO_GIT`, `REPOSITORY_STATE`, `FILE_UNSAFE`.
 */
export async function openGit(checkout: Checkout, env: Environment): Promise<Git> {
  refuseLinksOut(checkout.gitFolder)
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
    return name === undefined ? [] : [`${settable(`${name}.enabled`)}=false`]
  })
}

/** Runs git in `folder` with a scrubbed environment. Its failures are `GIT_FAILED`, or `NO_GIT`. */
function runner(folder: string, env: Environment, config: string[]): RunGit {
  return async (args, options = {}) => {
    proveRoom()
    const output: Buffer[] = []
    const network = options.network === undefined ? {} : networkVariables(env)
    const git = simpleGit({
      baseDir: folder,
      binary: gitProgram(env),
      config,
      // simple-git takes an empty text for no input, and leaves git waiting for its end.
      input: () => (options.input === "" ? Buffer.alloc(0) : options.input),
      // Until the streams are closed, output may be on its way, however long git is gone.
      completion: { onClose: true, onExit: false },
      // simple-git counts it as success when git is killed, or fails without output.
      errors: (error, { exitCode }) => {
        if (exitCode === options.answer) return undefined
        return error ?? (exitCode === 0 ? undefined : new Error(`it ended with ${exitCode}`))
      },
      allowEnvironment: [...KEPT, ...KEPT_FOR_NETWORK, ...Object.keys(OURS), ...CHOSEN],
      unsafe: {
        allowUnsafeCustomBinary: true,
        // Our own settings, which switch these off or set them to the user's own choice.
        allowUnsafeHooksPath: true,
        allowUnsafeFsMonitor: true,
        allowUnsafePager: true,
        allowUnsafeConfigPaths: true,
        allowUnsafeGpgProgram: true,
        allowUnsafeSshCommand: true,
        allowUnsafeAskPass: true,
        allowUnsafeCredentialHelper: true,
        allowUnsafeFilter: true,
        allowUnsafeGitProxy: true,
        allowUnsafeMergeDriver: true,
        allowUnsafePack: true,
      },
    })
    git.env({ ...scrubbed(env), ...OURS, ...chosen(options), ...network })
    git.outputHandler((_command, stdout) => {
      stdout.on("data", (data: Buffer) => output.push(data))
      // simple-git waits 50 ms for late output of a git that printed nothing. None comes.
      stdout.once("end", () => stdout.emit("data", Buffer.alloc(0)))
    })
    try {
      await git.raw([...args])
    } catch (cause) {
      throw gitFailure(args, cause)
    }
    return Buffer.concat(output)
  }
}

/** The variables that {@link RunOptions} set. */
const CHOSEN = ["GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"]

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

/** Without descriptors for the pipes to git, simple-git dies of an event that nothing can catch. */
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
