import { generateKeyPairSync, randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join, resolve } from "node:path"
import { type Environment, gitProgram, runAsUser, runQuickly } from "../../core/guard.js"
import { CHAIN_VARIABLE } from "./hook-text.js"
import { type Hooks, isExecutable } from "./hooks.js"
import { HOOK_ID, hookIds } from "./manager-text.js"

/** What the dry run of a commit showed. */
export interface Proof {
  readonly stopped: boolean
  /** Whether something else stops every commit: the guard that is not found, say. */
  readonly blocked?: boolean
  /** The way out that the guard itself names, where it runs and could not look. */
  readonly mend?: string
  /** The hook that would have to run for it, and was not. */
  readonly untried?: string
  /** In a sentence. */
  readonly what: string
}

const KEY_RULE = "pem-private-key"

/**
 * Proves that a commit with a private key would be stopped: plants one in an index and an object
 * store of its own, and lets git run the hook that it would run. Nothing in the repository changes.
 */
export async function proveGuard(hooks: Hooks): Promise<Proof> {
  const place = mkdtempSync(join(tmpdir(), "agent-vault-guard-"))
  try {
    const name = `agent-vault-guard-${randomBytes(6).toString("hex")}.pem`
    const planted = await plant(hooks, place, name)
    const { said, code } = await runHook(hooks, planted)
    return verdict(said, code, name)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

/** An index like HEAD's with a new private key in it; what to tell git to use it. */
async function plant({ top, env }: Hooks, place: string, name: string): Promise<Environment> {
  const git = (told: Environment, args: readonly string[], input?: string | Buffer) =>
    runQuickly(top, told, args, input)
  const common = (await git(env, ["rev-parse", "--git-common-dir"])).toString("utf8").trimEnd()
  const objects = [resolve(top, common, "objects"), env["GIT_ALTERNATE_OBJECT_DIRECTORIES"]]
  const told = {
    ...env,
    GIT_INDEX_FILE: join(place, "index"),
    GIT_OBJECT_DIRECTORY: join(place, "objects"),
    GIT_ALTERNATE_OBJECT_DIRECTORIES: objects.filter(Boolean).join(delimiter),
  }
  mkdirSync(told.GIT_OBJECT_DIRECTORY)

  const head = await git(told, ["rev-parse", "--verify", "--quiet", "HEAD"]).catch(() => undefined)
  if (head !== undefined) await git(told, ["read-tree", "HEAD"])
  const { privateKey } = generateKeyPairSync("ed25519")
  const key = privateKey.export({ type: "pkcs8", format: "pem" })
  const id = (await git(told, ["hash-object", "-w", "--stdin"], key)).toString("utf8").trim()
  await git(told, ["update-index", "--add", "--cacheinfo", `100644,${id},${name}`])
  // To git these files are not in the work tree: so the index differs from it in nothing, and a
  // manager has no changes to set aside, as it would at a commit.
  const files = await git(told, ["ls-files", "-z"])
  await git(told, ["update-index", "-z", "--skip-worktree", "--stdin"], files)
  return told
}

/** As git would, with the user's own environment; other hooks of a chain have nothing to prove. */
async function runHook({ top, runs, file, manager }: Hooks, planted: Environment) {
  const ours = Object.entries(planted).filter(([name]) => !name.startsWith("AGENT_VAULT_"))
  const env = {
    ...Object.fromEntries(ours),
    [CHAIN_VARIABLE]: "only",
    ...(manager === "pre-commit" ? { SKIP: skipped(planted["SKIP"], file) } : {}),
  }
  // Where it is no command of Git's own, a configuration could make it one of its own.
  const args = ["-c", "alias.hook=", "hook", "run", "pre-commit"]
  const ran = await runAsUser(top, env, gitProgram(env), args)
  if (!/'hook' is not a git command|alias (?:for hook|'hook')/.test(ran.said)) return ran
  // Git before 2.36 runs no hook by its name.
  const hook = join(runs, "pre-commit")
  if (!isExecutable(hook)) return { said: "", code: 0 }
  return runAsUser(top, env, "sh", [hook])
}

/** What the user skips, and all other hooks of the pre-commit framework, by their ids. */
function skipped(already: string | undefined, file: string): string {
  const others = hookIds(readFileSync(file, "utf8")).filter((id) => id !== HOOK_ID)
  return [...(already ? [already] : []), ...others].join(",")
}

function verdict(said: string, code: number, name: string): Proof {
  const isSeen = said.includes(`${name}:1:1`) && said.includes(KEY_RULE)
  if (isSeen && code !== 0) {
    return { stopped: true, what: "A commit with a private key in it would be stopped (dry run)." }
  }
  if (isSeen) {
    return { stopped: false, what: "The guard runs, but what it says does not stop a commit." }
  }
  if (code === 0 || /cannot find a hook named/.test(said)) {
    return { stopped: false, what: "A commit with a private key in it would go through (dry run)." }
  }
  const lines = said.trim().split("\n")
  const unable = lines.findLastIndex((line) => line.endsWith(UNABLE))
  if (unable !== -1) return couldNotLook(lines.slice(unable + 1))
  const reason = lines.findLast((line) => line.includes("agent-vault guard: ")) ?? lines.at(-1)
  return {
    stopped: false,
    blocked: true,
    what: `A commit would be stopped, but not by the guard: ${reason?.trim() || `exit code ${code}`}`,
  }
}

/** What the guard says ahead of the error that kept it from looking. */
const UNABLE = "could not be looked at, so it is stopped:"

/** Whatever the cause is, another guard would be kept from looking as well. */
function couldNotLook([error = "", hint = ""]: readonly string[]): Proof {
  const why = error.trim().replace(/^agent-vault: /, "")
  const mend = hint.startsWith(" ") ? hint.trim() : "make a commit and see what git says"
  const what = `A commit would be stopped, but the guard cannot look at it: ${why}`
  return { stopped: false, blocked: true, mend, what }
}
