import { type ChildProcess, type StdioOptions, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { expect } from "vitest"
import { findVault, identityAt } from "../../../src/core/index.js"
import { setSecret } from "../../../src/core/owner.js"
import { Machine } from "../machine.js"

/** Other values in each file of tests, for some look for them in all processes of the machine. */
const canary = (): string => `canary-${randomBytes(12).toString("hex")}`

/** Values that must be found nowhere but where they were asked for. */
export const VALUES = {
  "stripe/api-key": canary(),
  "stripe/webhook": canary(),
  "db/eu/url": `postgres://app:${canary()}@db/prod`,
  "3d/token": canary(),
  "db/pin": "1234",
  "closed/key": canary(),
} as const

/** A machine whose agent ci may open stripe, db, 3d and empty, which has no secrets; not closed. */
export async function runMachine(): Promise<Machine> {
  const machine = new Machine()
  const call = async (
    argv: readonly string[],
    stdin: string | Uint8Array = "",
  ): Promise<string> => {
    const { code, stdout, stderr } = await machine.call(argv, stdin)
    if (code !== 0) throw new Error(stderr)
    return stdout
  }
  await call(["init", "--name", "alice"])
  await call(["agent", "add", "ci"])
  await call(["agent", "add", "deploy"])
  for (const [name, value] of Object.entries(VALUES)) {
    const env = name === "db/eu/url" ? ["--env", "DATABASE_URL"] : []
    await call(["set", name, ...env], value)
  }
  await call(["set", "db/binary", "--from-file", "-"], Buffer.from([0xff, 0xfe, 0x80]))
  await call(["set", "db/zero", "--from-file", "-"], Buffer.from("a\0b"))
  await call(["set", "db/large"], "x".repeat(200_000))
  await storeUnfit(machine)
  await addEmptyGroup(machine, call)
  await call(["grant", "ci", "stripe", "db", "3d", "empty"])
  return machine
}

/** A secret that is to be the variable PATH, as an earlier version stored one. */
async function storeUnfit({ repo, env }: Machine): Promise<void> {
  const place = findVault(repo)
  const identity = await identityAt(place, {}, "always", env, () => {
    throw new Error("no key has a passphrase")
  })
  const value = Buffer.from("/canary/bin")
  const secret = { name: "db/path", value, metadata: { env: "PATH" } }
  await setSecret({ place, identity, env, now: new Date(), ...secret })
}

async function addEmptyGroup(
  machine: Machine,
  call: (argv: readonly string[]) => Promise<string>,
): Promise<void> {
  const manifest = machine.git("show", "HEAD:.agent-vault/manifest.yaml")
  const file = join(machine.repo, ".agent-vault/manifest.yaml")
  writeFileSync(file, `${manifest.replace(/^groups:$/m, "groups:\n  empty: {}")}\n`)
  const { id } = (
    JSON.parse(await call(["apply", "--dry-run", "--json"])) as { plan: { id: string } }
  ).plan
  await call(["apply", "--yes", "--plan", id])
}

/** A run under way. */
export interface Running {
  readonly child: ChildProcess
  /** What it wrote until now. */
  stdout(): string
  stderr(): string
  /** Its exit code, or the signal that ended it, when all of its output is here. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** Resolves when stdout holds the text. Throws when it hangs. */
  says(text: string): Promise<void>
  /** The same of stderr. */
  tells(text: string): Promise<void>
}

/** Starts `agent-vault run ARGS` without a shell around it. */
export function startRun(
  machine: Machine,
  args: readonly string[],
  { env, stdio = "pipe" }: { env?: NodeJS.ProcessEnv; stdio?: StdioOptions } = {},
): Running {
  const child = spawn(join(machine.home, "bin", "agent-vault"), ["run", ...args], {
    cwd: machine.repo,
    env: { ...machine.env, ...env },
    stdio,
  })
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  return {
    child,
    stdout,
    stderr,
    ended: new Promise((resolve) => {
      child.once("close", (code, signal) => resolve(code ?? signal ?? -1))
    }),
    says: (text) => expect.poll(stdout).toContain(text),
    tells: (text) => expect.poll(stderr).toContain(text),
  }
}

function collect(stream: Readable | null): () => string {
  const chunks: Buffer[] = []
  stream?.on("data", (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString("utf8")
}
