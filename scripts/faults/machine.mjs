import { execFileSync, spawn } from "node:child_process"
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../../dist/cli/bin.cjs", import.meta.url))
/** No machine is so busy that a command takes this long. */
const HANG_MS = 300_000

/**
 * What became of a command.
 *
 * @typedef {{ code: number | null, signal: string | null, said: string, hangs: boolean }} Ended
 */

/**
 * A person's computer: a repository, the home with the keys, and the state. It stays at one path,
 * since what a clone has seen is kept by its path; templates are copied there.
 */
export class Machine {
  #started = 0

  /** @param {string} folder for this machine and its templates alone */
  constructor(folder) {
    this.folder = folder
    this.home = join(folder, "now")
    this.repo = join(this.home, "repo")
    this.keys = join(this.home, "keys")
    this.state = join(this.home, "state")
    /** What the shim is to count. */
    this.roots = `repo=${this.repo}:keys=${this.keys}:state=${this.state}`
    this.env = {
      PATH: process.env["PATH"],
      HOME: this.home,
      XDG_CONFIG_HOME: this.keys,
      XDG_STATE_HOME: this.state,
      GIT_CONFIG_GLOBAL: join(this.home, "gitconfig"),
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_TERMINAL_PROMPT: "0",
      LC_ALL: "C.UTF-8",
      TZ: "UTC",
      NO_COLOR: "1",
    }
  }

  /** An empty home, and a repository with one commit. */
  begin() {
    rmSync(this.home, { recursive: true, force: true })
    for (const folder of [this.repo, this.keys, this.state]) mkdirSync(folder, { recursive: true })
    writeFileSync(
      join(this.home, "gitconfig"),
      "[user]\n\tname = Test Person\n\temail = test@example.com\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n",
    )
    this.git("init", "--quiet", "--initial-branch=main", "--template=")
    this.commit("README.md")
  }

  /** @param {string} name */
  save(name) {
    // No object is loose, so each new one makes its folder: else chance decided who does.
    this.git("repack", "-adq")
    this.git("prune-packed", "-q")
    rmSync(join(this.folder, name), { recursive: true, force: true })
    copy(this.home, join(this.folder, name))
  }

  /** @param {string} name */
  restore(name) {
    rmSync(this.home, { recursive: true, force: true, maxRetries: 3 })
    copy(join(this.folder, name), this.home)
  }

  /**
   * Runs plain git, as the user would. Throws with what git said.
   *
   * @param {string[]} args
   */
  git(...args) {
    const options = { cwd: this.repo, env: this.env, encoding: /** @type {const} */ ("utf8") }
    return execFileSync("git", args, { ...options, stdio: ["ignore", "pipe", "pipe"] }).trimEnd()
  }

  /**
   * Commits a file as the user would.
   *
   * @param {string} path
   */
  commit(path, content = `${path}\n`) {
    writeFileSync(join(this.repo, path), content)
    this.git("add", "--", path)
    this.git("commit", "--quiet", "-m", path)
  }

  /**
   * Runs the built command to its end. It is over when nothing of its process group is left: a git
   * may outlive who started it.
   *
   * @param {readonly string[]} args
   * @param {NodeJS.ProcessEnv} [env]
   * @param {readonly string[]} [through] a program that runs it, such as strace
   * @returns {Promise<Ended>}
   */
  run(args, env, through) {
    return this.start(args, env, through).ended
  }

  /**
   * Starts the built command, as the leader of a process group.
   *
   * @param {readonly string[]} args
   * @param {NodeJS.ProcessEnv} [env]
   * @param {readonly string[]} [through]
   * @returns {{ pid: number, ended: Promise<Ended> }}
   */
  start(args, env = {}, through = []) {
    const out = join(this.folder, `said-${this.#started++}`)
    const handle = openSync(out, "w")
    const [program = "", ...words] = [...through, process.execPath, bin, ...args]
    const child = spawn(program, words, {
      cwd: this.repo,
      detached: true,
      env: { ...this.env, ...env },
      stdio: ["ignore", handle, handle],
    })
    closeSync(handle)
    return { pid: child.pid ?? 0, ended: endOf(child, out) }
  }

  /**
   * Runs a command that must succeed.
   *
   * @param {string[]} args
   */
  async do(...args) {
    const { code, said } = await this.run(args)
    if (code !== 0) throw new Error(`${args.join(" ")}: ${code}\n${said}`)
  }

  /** Whether the work tree holds a vault. */
  hasVault() {
    return existsSync(join(this.repo, ".agent-vault/vault.json"))
  }

  /**
   * What a merge brought in is not counted.
   *
   * @param {string} base
   */
  commitsSince(base) {
    return Number(this.git("rev-list", "--count", "--first-parent", `${base}..HEAD`))
  }

  /** The paths of all files and folders, from the home. */
  files() {
    return readdirSync(this.home, { recursive: true, encoding: "utf8" })
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/**
 * @param {string} from
 * @param {string} to
 */
function copy(from, to) {
  cpSync(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
}

/**
 * What an error, or the program that ended with it, says.
 *
 * @param {unknown} error
 */
export function saidBy(error) {
  const said = error instanceof Error && "stdout" in error ? String(error.stdout) : ""
  return error instanceof Error ? `${error.message}\n${said}`.trim() : String(error)
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {string} out the file with what it said
 * @returns {Promise<Ended>}
 */
async function endOf(child, out) {
  let hangs = false
  const limit = setTimeout(() => {
    hangs = true
    killGroup(child.pid)
  }, HANG_MS)
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("exit", (...end) => resolve(end))
  })
  while (groupLives(child.pid)) await sleep(5)
  clearTimeout(limit)
  const said = readFileSync(out, "utf8")
  rmSync(out)
  return { code, signal, said, hangs }
}

/** @param {number | undefined} leader */
function groupLives(leader) {
  try {
    return process.kill(-(leader ?? 0), 0)
  } catch {
    return false
  }
}

/** @param {number | undefined} leader */
function killGroup(leader) {
  if (groupLives(leader)) process.kill(-(leader ?? 0), "SIGKILL")
}
