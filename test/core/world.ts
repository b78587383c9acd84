import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { ChangeRequest } from "../../src/core/change/change.js"
import type { Environment } from "../../src/core/disk/homes.js"
import {
  VaultError,
  agentKeyFile,
  findVault,
  identityAt,
  noAudit,
  parseSecretName,
  readSecret,
  withVault,
} from "../../src/core/index.js"
import {
  addAgent,
  apply,
  formatKeyFile,
  grant,
  init,
  repair,
  revoke,
  setSecret,
  writeKeyFile,
} from "../../src/core/owner.js"
import { copyAll, sharedFolder } from "../folders.js"

const noPassphrase = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))

/** A machine of its own: a repository that may hold a vault, with the keys and state of its user. */
export class World {
  readonly folder: string
  /** The top of the work tree. */
  readonly top: string
  /** The folder that the vault is in; the top unless told otherwise. */
  vaultFolder: string
  readonly env: Environment

  constructor(folder: string, env: Environment, top = join(folder, "repo"), vaultFolder = top) {
    this.folder = folder
    this.top = top
    this.vaultFolder = vaultFolder
    this.env = { ...env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder }
  }

  /** The same machine with more variables, or another clone upon it. */
  with(env: Environment, top = this.top): World {
    return new World(this.folder, { ...this.env, ...env }, top)
  }

  /** This machine with a folder of its own on PATH, `bin`, for programs that stand in for others. */
  withPrograms(): World {
    const folder = join(this.folder, "bin")
    mkdirSync(folder)
    return this.with({ PATH: `${folder}:${process.env["PATH"] ?? ""}` })
  }

  /** Another machine that holds what this one holds. */
  copy(): World {
    const folder = mkdtempSync(join(tmpdir(), "agent-vault-world-"))
    copyAll(this.folder, folder)
    return new World(folder, this.env)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }

  /** Runs plain git at the top, as the user would. */
  git(...args: string[]): string {
    const options = { cwd: this.top, env: this.env as NodeJS.ProcessEnv, encoding: "utf8" as const }
    return execFileSync("git", args, { ...options, stdio: ["ignore", "pipe", "pipe"] }).trimEnd()
  }

  /** What plain git prints, byte for byte. */
  bytes(...args: string[]): Buffer {
    return execFileSync("git", args, { cwd: this.top, env: this.env })
  }

  write(path: string, content: string): void {
    mkdirSync(join(this.top, path, ".."), { recursive: true })
    writeFileSync(join(this.top, path), content)
  }

  /** Commits a file as the user would. */
  commit(path: string, content = `${path}\n`): void {
    this.write(path, content)
    this.git("add", "--", path)
    this.git("commit", "--quiet", "-m", path)
  }

  async request(): Promise<ChangeRequest> {
    const place = findVault(this.vaultFolder)
    const identity = await identityAt(place, {}, "always", this.env, noPassphrase)
    return { place, identity, env: this.env, now: new Date() }
  }

  init() {
    const folder = this.vaultFolder
    return init({ folder, name: "alice", keys: "x25519", env: this.env, now: new Date() })
  }

  async addAgent(agent: string): Promise<void> {
    const { result } = await addAgent({ ...(await this.request()), agent })
    const { identity = "", recipient, vault, signer } = result
    const key = { identity, recipient, vault, agent, trust: signer }
    writeKeyFile(agentKeyFile(vault, agent, this.env), formatKeyFile(key, "2026-01-01T00:00:00Z"))
  }

  async set(name: string, value: string) {
    const bytes = Buffer.from(value)
    return setSecret({ ...(await this.request()), name, value: bytes, metadata: {} })
  }

  async grant(agent: string, ...groups: string[]) {
    return grant({ ...(await this.request()), agent, groups })
  }

  async revoke(agent: string, ...groups: string[]) {
    return revoke({ ...(await this.request()), agent, groups })
  }

  async apply() {
    return apply(await this.request())
  }

  async repair() {
    return (await repair(this.top, this.env)).change
  }

  /** Reads a value as an agent; `beforeLook` runs before each look at the vault's files. */
  async read(agent: string, name: string, beforeLook = (): void => {}): Promise<string> {
    const place = findVault(this.vaultFolder)
    const key = await identityAt(place, { agent }, "never", this.env, noPassphrase)
    const { value } = await withVault(place, key.trust, this.env, (vault) => {
      beforeLook()
      return readSecret(vault, key, parseSecretName(name), UNNOTED, new Date())
    })
    return Buffer.from(value).toString("utf8")
  }

  /** What an agent gets: the value, or the code of the error. */
  async tryRead(agent: string, name: string): Promise<string> {
    return outcome(this.read(agent, name))
  }
}

/** A test reads as it likes. */
const UNNOTED = { outlet: { surface: "sdk" }, audit: noAudit() } as const

/** The result of some work, or the code of its error. */
export async function outcome<T>(work: Promise<T>): Promise<T | string> {
  try {
    return await work
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error)
  }
}

/** Reads as a person would: again, for as long as somebody else is changing the vault. */
export async function unlessBusy<T>(read: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof VaultError) || error.code !== "BUSY") throw error
    }
  }
}

/** A machine with an empty repository, whose top is `top` in its folder. */
export function emptyWorld(top = "repo", ...initArgs: string[]): World {
  const folder = mkdtempSync(join(tmpdir(), "agent-vault-world-"))
  const world = new World(folder, process.env, join(folder, top))
  mkdirSync(world.top, { recursive: true })
  world.git("init", "--quiet", "--template=", "-b", "main", ...initArgs)
  return world
}

/** A machine with a vault: ci opens stripe, deploy opens nothing yet. */
export async function vaultWorld(world?: World): Promise<World> {
  if (world !== undefined) return fillWorld(world)
  const shared = await sharedFolder("vault-world", async () => {
    const { folder, top } = await fillWorld(emptyWorld())
    // One pack, as after years of work: there is less to copy.
    execFileSync("git", ["repack", "-adq"], { cwd: top })
    return folder
  })
  return new World(shared, process.env).copy()
}

async function fillWorld(world: World): Promise<World> {
  world.commit("README.md")
  await world.init()
  await world.addAgent("ci")
  await world.addAgent("deploy")
  await world.set("stripe/api-key", "old")
  await world.set("stripe/webhook", "hook")
  await world.grant("ci", "stripe")
  return world
}
