import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect } from "vitest"
import { copyAll, sharedFolder } from "../folders.js"
import { HANG } from "../hang.js"
import { unseal } from "../../src/core/age/age.js"
import { FolderFiles } from "../../src/core/disk/files.js"
import type { Environment } from "../../src/core/disk/homes.js"
import {
  VaultError,
  agentKeyFile,
  describeSecrets,
  findVault,
  withVault,
} from "../../src/core/index.js"
import { ownerKeyFile, parseKey } from "../../src/core/keys/key-files.js"
import { writeKeyFile } from "../../src/core/keys/kept-key-files.js"
import {
  type GroupRecord,
  type VaultDocument,
  type VaultRecord,
  encodeRecord,
  signRecord,
} from "../../src/core/records/record.js"
import { type Inspection, inspect } from "../../src/core/owner.js"
import type { SigningKey } from "../../src/core/records/signature.js"
import { World } from "../core/world.js"

const project = fileURLToPath(new URL("../..", import.meta.url))
export const bin = join(project, "dist/cli/bin.cjs")
const terminalProgram = fileURLToPath(new URL("terminal.py", import.meta.url))

/** Values of the arena. No message of any command may ever hold one of them. */
export const VALUES = {
  "stripe/api-key": "canary-stripe-4eC39HqLyjWDarjtT1zdp7dc",
  "stripe/webhook": "canary-webhook-9f3bQxUe0aLmKp",
  "db/password": "canary-db-Tr0ub4dor-and-3",
} as const

/** What a command did. */
export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  readonly stdin?: string | Uint8Array
  readonly env?: Environment
  readonly cwd?: string
  /** Whether stdout is to hold a value, or a key. */
  readonly shows?: boolean
}

/** A line typed at a terminal, after the text that asks for it. */
export type Answer = readonly [question: string, line: string]

/** One person's computer: a home, and a clone. */
export class Machine extends World {
  get vault(): string {
    return join(this.top, ".agent-vault")
  }

  path(file: string): string {
    return join(this.vault, file)
  }

  /** Runs the built command, and holds its output against every value and every kind of key. */
  run(args: readonly string[], { stdin = "", env, cwd, shows = false }: RunOptions = {}): Ran {
    const result = spawnSync(process.execPath, [bin, ...args], {
      cwd: cwd ?? this.top,
      env: { ...this.env, ...env },
      input: stdin,
      encoding: "utf8",
      timeout: HANG,
    })
    const ran = { code: result.status ?? -1, stdout: result.stdout, stderr: result.stderr }
    expectSilence(shows ? ran.stderr : ran.stdout + ran.stderr)
    return ran
  }

  /** Runs the built command at a pseudo-terminal; what it shows comes back as stdout. */
  atTerminal(
    args: readonly string[],
    { env, shows = false, answers = [] }: RunOptions & { answers?: readonly Answer[] } = {},
  ): Ran {
    const job = JSON.stringify({ args: [process.execPath, bin, ...args], answers })
    const { status, stdout } = spawnSync("python3", ["-S", terminalProgram, job], {
      cwd: this.top,
      env: { ...this.env, TERM: "xterm", ...env },
      encoding: "utf8",
      timeout: HANG,
    })
    if (!shows) expectSilence(stdout)
    return { code: status ?? -1, stdout, stderr: "" }
  }

  /** The code that a command ends with, as it says it. */
  code(args: readonly string[], options: RunOptions = {}): string {
    const { code, stdout, stderr } = this.run(args, options)
    const error = /^(?:agent-vault: |\{"error":\{"code":")([A-Z_]+)/m.exec(stderr)?.[1]
    return `${code} ${error ?? (code === 0 ? "ok" : stdout.split(/\s+/).slice(0, 2).join(" "))}`
  }

  record(path: string): VaultDocument {
    return JSON.parse(readFileSync(this.path(path), "utf8")) as VaultDocument
  }

  vaultRecord(): VaultRecord {
    return this.record("vault.json") as VaultRecord
  }

  groupRecord(group: string): GroupRecord {
    return this.record(`groups/${group}.json`) as GroupRecord
  }

  /** Puts bytes at a path of the vault, as anybody with an editor can. */
  put(path: string, bytes: Uint8Array | string): void {
    writeFileSync(this.path(path), bytes)
  }

  /** Changes a record and leaves its signature as it was. */
  alter(path: string, change: object): void {
    this.put(path, encodeRecord({ ...this.record(path), ...change }))
  }

  /** Changes a record and signs it with a key of one's own. */
  forge(path: string, change: object, key: SigningKey): void {
    const { signature: _signature, format: _format, ...body } = this.record(path)
    this.put(path, encodeRecord(signRecord({ ...body, ...change }, key)))
  }

  edit(path: string, from: string | RegExp, to: string): void {
    const text = readFileSync(this.path(path), "utf8")
    expect(text).toMatch(from)
    this.put(path, text.replace(from, to))
  }

  publish(message = "an innocent change"): void {
    this.git("add", "--all")
    this.git("commit", "--quiet", "--allow-empty", "-m", message)
    this.git("push", "--quiet", "--force", "origin", "HEAD")
  }

  pull(): void {
    this.git("pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main")
  }

  /** Commits the vault as it lies there, as if it had been pulled. */
  arrive(): void {
    this.git("add", "--all")
    this.git("commit", "--quiet", "--allow-empty", "-m", "an innocent change")
  }

  /** What the commands say, in process: a code, or ok. */
  async answers(): Promise<Answers> {
    const place = placeOf(this)
    const now = new Date()
    return {
      get: await said(this.read("ci", "stripe/api-key")),
      list: await said(withVault(place, undefined, this.env, describeSecrets)),
      check: await said(inspect({ place, env: this.env, now }).then(worst)),
      set: await said(this.set("stripe/api-key", "after-the-attack")),
      grant: await said(this.grant("temp", "stripe")),
      revoke: await said(this.revoke("ci", "stripe")),
    }
  }

  /** Everything a change could touch: the vault's files, the branch, the index. */
  snapshot(): Record<string, string> {
    const files = new FolderFiles(this.vault)
      .list()
      .map((path) => [path, readFileSync(this.path(path)).toString("latin1")] as const)
    const head = this.git("rev-parse", "HEAD")
    return { ...Object.fromEntries(files), HEAD: head, index: this.git("ls-files", "-s") }
  }

  identityOf(agent: string): Promise<string> {
    const { vault } = this.vaultRecord()
    return identityIn(agentKeyFile(vault, agent, this.env))
  }

  ownerIdentity(): Promise<string> {
    const { vault } = this.vaultRecord()
    return identityIn(ownerKeyFile(vault, this.env))
  }
}

/** What each command says: `ok`, or the code of an error or of the worst finding. */
export type Answers = Readonly<
  Record<"get" | "list" | "check" | "set" | "grant" | "revoke", string>
>

/** The cast: the owner alice, the agent ci, a second home of alice's, and mallory, who can push. */
export interface Arena {
  readonly folder: string
  readonly alice: Machine
  readonly ci: Machine
  readonly mallory: Machine
  remove(): void
}

/**
 * A bare remote and three clones. In the vault: the agents ci (opens stripe), deploy (opens db)
 * and temp (opens nothing), {@link VALUES}, and a description. Made once for all files of tests;
 * alice has seen it where it now is.
 */
export async function makeArena(): Promise<Arena> {
  const arena = copyArena(at(await sharedFolder("arena", newArena)))
  await withVault(placeOf(arena.alice), undefined, arena.alice.env, describeSecrets)
  return arena
}

async function newArena(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "agent-vault-arena-"))
  const { alice, ci, mallory } = at(folder)
  gitIn(folder, "init", "--quiet", "--bare", "-b", "main", "origin.git")
  cloneFor(alice, folder)
  alice.git("checkout", "--quiet", "-b", "main")
  alice.commit("README.md")
  await alice.init()
  for (const agent of ["ci", "deploy", "temp"]) await alice.addAgent(agent)
  for (const [name, value] of Object.entries(VALUES)) await alice.set(name, value)
  await alice.grant("ci", "stripe")
  await alice.grant("deploy", "db")
  alice.publish()
  cloneFor(mallory, folder)
  cloneFor(ci, folder)
  giveKey(alice, ci, "ci")
  return folder
}

/** The same arena somewhere else. What was seen is kept by the path of a clone, so it is forgotten. */
export function copyArena(arena: Arena): Arena {
  const folder = mkdtempSync(join(tmpdir(), "agent-vault-arena-"))
  copyAll(arena.folder, folder)
  return at(folder)
}

/** A copy of one person's computer alone: what others push can as well be committed there. */
export function copyMachine(machine: Machine): Machine {
  const folder = mkdtempSync(join(tmpdir(), "agent-vault-machine-"))
  copyAll(machine.folder, folder)
  return new Machine(folder, process.env)
}

/** Another clone, on a computer without keys, or with a copy of the keys of `like`. */
export function newMachine(arena: Arena, name: string, like?: Machine): Machine {
  const machine = new Machine(join(arena.folder, name), process.env)
  cloneFor(machine, arena.folder)
  if (like !== undefined) copyKeys(like, machine)
  return machine
}

/** Brings an agent's key file from one computer to another. */
export function giveKey(from: Machine, to: Machine, agent: string): void {
  const { vault } = from.vaultRecord()
  const text = readFileSync(agentKeyFile(vault, agent, from.env))
  writeKeyFile(agentKeyFile(vault, agent, to.env), text)
}

/** Every text that these identities open, in a folder of age files, directly or by what they open. */
export async function loot(folder: string, identities: readonly string[]): Promise<string[]> {
  const files = ageFiles(folder)
  const found = new Set<string>()
  const keys = new Set(identities)
  for (let before = 0; before !== keys.size;) {
    before = keys.size
    for (const file of files) {
      const opened = await unseal(file, [...keys]).catch(() => undefined)
      if (opened === undefined) continue
      const text = Buffer.from(opened).toString("utf8").trim()
      const lines = text.split("\n")
      if (!lines.every((line) => line.startsWith("AGE-SECRET-KEY-"))) found.add(text)
      else for (const line of lines) keys.add(line)
    }
  }
  return [...found].sort()
}

/** Fails if a text holds a value of the arena or a private key, plain, in base64 or in hex. */
function expectSilence(text: string): void {
  expect(text).not.toMatch(/AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{8}/i)
  for (const value of Object.values(VALUES)) expect(text).not.toContain(value)
}

export function vaultIdOf(machine: Machine): string {
  return machine.vaultRecord().vault
}

function placeOf(machine: Machine) {
  return findVault(machine.top)
}

/** The code that work ends with: `ok`, or that of its error, whose text holds nothing secret. */
export async function said(work: Promise<unknown>): Promise<string> {
  try {
    const result = await work
    return typeof result === "string" && /^[A-Z_]+$/.test(result) ? result : "ok"
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    expectSilence(`${error.message} ${error.hint ?? ""}`)
    return error.code
  }
}

function worst({ findings }: Inspection): string {
  return findings[0]?.code ?? "ok"
}

function at(folder: string): Arena {
  const machine = (name: string): Machine => new Machine(join(folder, name), process.env)
  return {
    folder,
    alice: machine("alice"),
    ci: machine("ci"),
    mallory: machine("mallory"),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }),
  }
}

function cloneFor(machine: Machine, folder: string): void {
  gitIn(folder, "clone", "--quiet", "origin.git", machine.top)
  // A path that still leads there when the arena is copied.
  gitIn(machine.top, "remote", "set-url", "origin", "../../origin.git")
}

function copyKeys(from: Machine, to: Machine): void {
  const { vault } = from.vaultRecord()
  writeKeyFile(ownerKeyFile(vault, to.env), readFileSync(ownerKeyFile(vault, from.env)))
}

async function identityIn(file: string): Promise<string> {
  return (await parseKey(readFileSync(file, "utf8"), file)).identity
}

function gitIn(folder: string, ...args: string[]): void {
  execFileSync("git", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] })
}

function ageFiles(folder: string): Buffer[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".age"))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
}
