import { execFileSync, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, delimiter, dirname, join } from "node:path"
import { Readable, Writable } from "node:stream"
import { type CommandProcess, main } from "../../src/cli/command-line.js"
import { copyUsedProgram, sharedFolder, workersFolder } from "../folders.js"
import { pseudoTerminals } from "../needs.js"

/** The built command: a copy of this worker's, so that a new build changes nothing. */
const bin = join(workersFolder("command"), "dist", "bin.cjs")
copyUsedProgram(dirname(bin))
if (pseudoTerminals !== undefined) {
  const beside = join(dirname(dirname(bin)), "node_modules", "@lydell")
  mkdirSync(beside, { recursive: true })
  symlinkSync(pseudoTerminals, join(beside, basename(pseudoTerminals)))
}

/** What a command printed, and how it ended. */
export interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

interface CallOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly isMerged?: boolean
}

/** A machine of its own for a person at a command line: a home, and an empty repository in it. */
export class Machine {
  readonly home: string
  readonly repo: string
  readonly env: NodeJS.ProcessEnv

  constructor(home = newHome()) {
    this.home = home
    this.repo = join(home, "repo")
    const path = `${join(home, "bin")}${delimiter}${process.env["PATH"] ?? ""}`
    this.env = { ...process.env, HOME: home, USERPROFILE: home, PATH: path }
    for (const name of Object.keys(this.env).filter((key) => key.startsWith("XDG_"))) {
      delete this.env[name]
    }
  }

  /** Another machine that holds what this one holds. */
  copy(): Machine {
    const home = emptyHome()
    const held = readdirSync(this.home).filter((entry) => entry !== "bin")
    execFileSync("cp", ["-RP", ...held.map((entry) => join(this.home, entry)), home])
    return new Machine(home)
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true, maxRetries: 3 })
  }

  git(...args: string[]): string {
    const options = { cwd: this.repo, env: this.env, encoding: "utf8" as const }
    return execFileSync("git", args, { ...options, stdio: ["ignore", "pipe", "pipe"] }).trimEnd()
  }

  /** Runs a line of shell in the repository, where `agent-vault` is the built command. */
  shell(line: string, { cwd = this.repo, stdin = "" } = {}): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = spawn("bash", ["-c", line], { cwd, env: this.env })
      const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
      // Not all that is there need be read.
      child.stdin.on("error", () => undefined).end(stdin)
      child.once("error", reject)
      child.once("close", (code) => {
        resolve({ stdout: stdout(), stderr: stderr(), code: code ?? 1 })
      })
    })
  }

  /** Runs a command line in this process, with no terminal anywhere; stderr may go to stdout. */
  async call(
    argv: readonly string[],
    stdin: string | Uint8Array = "",
    { env = {}, cwd = this.repo, isMerged = false }: CallOptions = {},
  ): Promise<Ran> {
    const out = new Sink()
    const err = isMerged ? out : new Sink()
    const input = Buffer.from(stdin)
    const surroundings = {
      stdin: Readable.from(input.length === 0 ? [] : [input]),
      stdout: out,
      stderr: err,
      env: { ...this.env, ...env },
      cwd: () => cwd,
    }
    const code = await main(argv, surroundings as unknown as CommandProcess, {
      mcp: () => import("../../src/mcp/serve.js"),
      mcpListener: () => import("../../src/mcp/listen.js"),
      guard: () => import("../../src/precommit/run-guard.js"),
      broker: () => import("../../src/broker/blind-run.js"),
      proxy: () => import("../../src/broker/serve-proxy.js"),
      trial: () => import("../../src/broker/try-client.js"),
      ownRequests: () => import("../../src/broker/own-request.js"),
    })
    return { stdout: out.text(), stderr: isMerged ? "" : err.text(), code }
  }

  /**
   * Everything that is here, work tree, index, HEAD, keys and state: a digest by path. Without what
   * a log of this process holds for a moment after a call.
   */
  fingerprint(): ReadonlyMap<string, string> {
    const held = `.turn/by-${process.pid}-`
    const paths = readdirSync(this.home, { recursive: true, encoding: "utf8" })
      .filter((path) => !path.includes(held))
      .sort()
    const digest = (path: string): string =>
      createHash("sha256")
        .update(contentOf(join(this.home, path)))
        .digest("hex")
    return new Map(paths.map((path) => [path, digest(path)]))
  }
}

/**
 * A machine with a vault of alice's. The agent ci opens stripe, deploy opens nothing. The values:
 * stripe/api-key is `v`, stripe/webhook `w`, db/password `x`.
 */
export async function vaultMachine(...initOptions: readonly string[]): Promise<Machine> {
  const name = `vault-machine${initOptions.join("")}`
  return new Machine(await sharedFolder(name, () => filledHome(initOptions))).copy()
}

async function filledHome(initOptions: readonly string[]): Promise<string> {
  const machine = new Machine()
  const run = async (argv: readonly string[], stdin = ""): Promise<void> => {
    const { code, stderr } = await machine.call(argv, stdin)
    if (code !== 0) throw new Error(stderr)
  }
  await run(["init", "--name", "alice", ...initOptions])
  await run(["agent", "add", "ci"])
  await run(["agent", "add", "deploy"])
  await run(["set", "stripe/api-key"], "v")
  await run(["set", "stripe/webhook"], "w")
  await run(["set", "db/password"], "x")
  await run(["grant", "ci", "stripe"])
  return machine.home
}

class Sink extends Writable {
  readonly #chunks: Buffer[] = []

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(chunk)
    done()
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString("utf8")
  }
}

function newHome(): string {
  const home = emptyHome()
  const repo = join(home, "repo")
  mkdirSync(repo)
  execFileSync("git", ["init", "--quiet", "--template=", "-b", "main"], { cwd: repo })
  return home
}

/** A home with the command, and nothing else. */
function emptyHome(): string {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-cli-")))
  mkdirSync(join(home, "bin"))
  symlinkSync(bin, join(home, "bin", "agent-vault"))
  return home
}

function collect(stream: Readable): () => string {
  const chunks: Buffer[] = []
  stream.on("data", (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString("utf8")
}

function contentOf(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch {
    // A folder, or a link that leads nowhere.
    return new Uint8Array()
  }
}
