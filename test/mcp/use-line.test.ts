import { execFileSync, spawn, spawnSync } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { type Machine, type Ran, vaultMachine } from "../cli/machine.js"
import { Consumer } from "../package/pack.js"
import { PATIENT } from "./session.js"
import { copyProgram } from "../folders.js"

/** The line that a model is given runs in the shell that it has, wherever the server came from. */

type Env = Record<string, string>

interface Use {
  command: string
  env: string
  needs?: string[]
}

let machine: Machine
let consumer: Consumer

beforeAll(() => {
  consumer = new Consumer()
})
beforeEach(async () => {
  machine = await vaultMachine()
})
afterEach(() => machine.remove())
afterAll(() => {
  consumer.remove()
})

/** What the server that is started so says of stripe/api-key. */
async function useFrom(
  [command = "", ...args]: readonly string[],
  env: Env,
  cwd = machine.repo,
): Promise<Use> {
  const client = new Client({ name: "a client", version: "1" })
  await client.connect(
    new StdioClientTransport({ command, args, cwd, env, stderr: "ignore" }),
    PATIENT,
  )
  const call = { name: "list_secrets", arguments: {} }
  const { structuredContent } = await client.callTool(call, undefined, PATIENT)
  await client.close()
  const { secrets } = structuredContent as { secrets: { name: string; use: Use }[] }
  const found = secrets.find(({ name }) => name === "stripe/api-key")
  if (found === undefined) throw new Error(JSON.stringify(structuredContent))
  return found.use
}

/** Types the line into a shell; the program that it runs looks whether it has the value. */
function type({ command, env: variable }: Use, env: Env, cwd = machine.repo): Promise<Ran> {
  const line = command.replace("<command>", `sh -c 'test "$${variable}" = v && echo it is there'`)
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["--noprofile", "--norc", "-c", line], { cwd, env })
    const [out, err]: [string[], string[]] = [[], []]
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk.toString()))
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk.toString()))
    child.stdin.end()
    child.once("error", reject)
    child.once("close", (code) => {
      resolve({ stdout: out.join(""), stderr: err.join(""), code: code ?? 1 })
    })
  })
}

// On stderr stands that a value this short is not redacted.
const DONE = expect.objectContaining({ stdout: "it is there\n", code: 0 }) as Ran

/** A home, and the programs of the system, with or without an `agent-vault` among them. */
function shellEnv(hasCommand: boolean): Env {
  const path = (machine.env["PATH"] ?? "").split(delimiter)
  const own = join(machine.home, "bin")
  const others = path.filter((folder) => !existsSync(join(folder, "agent-vault")))
  const PATH = [...(hasCommand ? [own] : []), ...others].join(delimiter)
  return { PATH, HOME: machine.home }
}

function keyFile(): string {
  const keys = join(machine.home, ".config", "agent-vault")
  return join(keys, readdirSync(keys)[0] ?? "", "agents", "ci.key")
}

function bin(): string {
  return join(machine.home, "bin", "agent-vault")
}

const AS_CI = ["mcp", "--agent", "ci"]

describe("the program is named as the server was started:", () => {
  test("by its name, if a shell finds it under that name", async () => {
    const env = shellEnv(true)
    for (const start of [[bin()], ["agent-vault"], [process.execPath, bin()]]) {
      const use = await useFrom([...start, ...AS_CI], env)
      expect(use.command).toBe("agent-vault run --agent ci -s stripe/api-key -- <command>")
      expect(await type(use, env)).toEqual(DONE)
    }
  })

  test("blind from a blind server, where a rule says where the secret may go", async () => {
    const env = shellEnv(true)
    const { env: variable, command } = await useFrom([bin(), ...AS_CI, "--blind"], env)
    expect(command).toBe("agent-vault run --agent ci -s stripe/api-key -- <command>")
    await machine.shell("agent-vault use stripe/api-key stripe --yes")
    const use = await useFrom([bin(), ...AS_CI, "--blind"], env)
    expect(use).toEqual({
      env: variable,
      command: "agent-vault run --agent ci --blind -s stripe/api-key -- <command>",
    })
    expect((await useFrom([bin(), ...AS_CI], env)).command).toBe(command)
  })

  test("by where it is, if it is not on the PATH", async () => {
    const folder = join(machine.home, "a folder's own", "cli")
    copyProgram(folder)
    const env = shellEnv(false)
    const use = await useFrom([process.execPath, join(folder, "bin.cjs"), ...AS_CI], env)
    expect(await type(use, env)).toEqual(DONE)
  })

  test("by where it is, if another of its name is on the PATH", async () => {
    const other = join(machine.home, "other")
    mkdirSync(other)
    writeFileSync(join(other, "agent-vault"), "#!/bin/sh\necho another\n", { mode: 0o755 })
    const env = shellEnv(true)
    const PATH = `${other}${delimiter}${env["PATH"]}`
    const use = await useFrom([process.execPath, bin(), ...AS_CI], { ...env, PATH })
    expect(await type(use, { ...env, PATH })).toEqual(DONE)
  })

  test("by where it is, if there is no node for its name", async () => {
    const nodeless = join(machine.home, "nodeless")
    mkdirSync(nodeless)
    for (const name of ["sh", "bash", "git"]) {
      const found = execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim()
      symlinkSync(found, join(nodeless, name))
    }
    const PATH = [join(machine.home, "bin"), nodeless].join(delimiter)
    const env = { PATH, HOME: machine.home }
    const use = await useFrom([process.execPath, bin(), ...AS_CI], env)
    expect(await type(use, env)).toEqual(DONE)
  })

  // npx puts a folder of its own on the PATH of what it starts, which the shell of a model lacks.
  test.each([
    ["a project's package", () => ["npx", "--no-install", "agent-vault"], () => consumer.project],
    [
      "a package that npx brings",
      () => ["npx", "--yes", "--offline", "--package", consumer.tarball, "agent-vault"],
      () => machine.repo,
    ],
  ])("by where it is, if npx runs %s", async (_what, start, cwd) => {
    const env = shellEnv(false)
    const argv = [...start(), ...AS_CI, "--dir", machine.repo]
    const use = await useFrom(argv, env, cwd())
    expect(await type(use, env)).toEqual(DONE)
  })
})

// The same of the entries of clients, which are started without npx's folder too.
test("mcp install says that no client finds the program by its name, also under npx", () => {
  const start = ["--no-install", "agent-vault", "mcp", "install", "--client", "claude-code"]
  const ran = spawnSync("npx", [...start, "--agent", "ci", "--print", "--dir", machine.repo], {
    cwd: consumer.project,
    env: shellEnv(false),
    encoding: "utf8",
  })
  expect(ran.stdout).toContain('"command": "agent-vault"')
  expect(ran.stderr).toContain("agent-vault is not on your PATH")
})

describe("the identity is named where the server got it from a variable:", () => {
  test("an agent", async () => {
    const env = shellEnv(true)
    const use = await useFrom([bin(), "mcp"], { ...env, AGENT_VAULT_AGENT: "ci" })
    expect(await type(use, env)).toEqual(DONE)
  })

  test("a key file, also by a path from where the server stands", async () => {
    const env = shellEnv(true)
    copyFileSync(keyFile(), join(machine.home, "my ci.key"))
    const server = { ...env, AGENT_VAULT_IDENTITY_FILE: "../my ci.key" }
    const use = await useFrom([bin(), "mcp"], server)
    const below = join(machine.repo, "below")
    mkdirSync(below)
    expect(await type(use, env, below)).toEqual(DONE)
    // The variable decides, whatever --agent says.
    expect(await useFrom([bin(), "mcp", "--agent", "deploy"], server)).toEqual(use)
  })

  test("a key itself is not, and what the shell must have is said", async () => {
    const env = shellEnv(true)
    const key = { AGENT_VAULT_IDENTITY: readFileSync(keyFile(), "utf8") }
    const use = await useFrom([bin(), "mcp"], { ...env, ...key })
    expect(use).toEqual({
      command: "agent-vault run -s stripe/api-key -- <command>",
      env: "STRIPE_API_KEY",
      needs: ["AGENT_VAULT_IDENTITY"],
    })
    expect(await type(use, { ...env, ...key })).toEqual(DONE)
    expect((await type(use, env)).stderr).toContain("NO_IDENTITY")
  })
})

describe("the line leads to the same vault, keys and audit:", () => {
  test("the folder of the vault", async () => {
    const env = shellEnv(true)
    const moved = join(machine.home, "it's a repo")
    renameSync(machine.repo, moved)
    const use = await useFrom([bin(), ...AS_CI, "--dir", "it's a repo"], env, machine.home)
    expect(await type(use, env, dirname(machine.home))).toEqual(DONE)
  })

  test.each([
    ["AGENT_VAULT_HOME", ".config/agent-vault", "the keys", ["XDG_CONFIG_HOME"]],
    ["XDG_CONFIG_HOME", ".config", "the config", ["XDG_CONFIG_HOME"]],
    ["XDG_STATE_HOME", ".local/state", "the state", []],
  ])("%s", async (variable, from, to, hidden) => {
    const env = shellEnv(true)
    renameSync(join(machine.home, from), join(machine.home, to))
    const use = await useFrom([bin(), ...AS_CI], { ...env, [variable]: `../${to}` })
    expect(await type(use, env)).toEqual(DONE)
    expect(existsSync(join(machine.home, from))).toBe(false)
    // The program that runs has its own settings elsewhere, and keeps them there.
    for (const name of hidden) expect(use.command).not.toContain(name)
  })

  test("whom to trust, and the floor", async () => {
    const env = shellEnv(true)
    const [, signer = ""] = /^# trust: (\S+)$/m.exec(readFileSync(keyFile(), "utf8")) ?? []
    const server = { ...env, AGENT_VAULT_TRUST: signer, AGENT_VAULT_MIN_SERIAL: "1" }
    const use = await useFrom([bin(), ...AS_CI], server)
    expect(use.command).toContain(`AGENT_VAULT_TRUST=${signer} AGENT_VAULT_MIN_SERIAL=1 `)
    expect(await type(use, env)).toEqual(DONE)
  })

  test("the audit, or that there is none", async () => {
    const env = shellEnv(true)
    const file = join(machine.home, "audit.jsonl")
    const use = await useFrom([bin(), ...AS_CI, "--audit", "../audit.jsonl"], env)
    expect(await type(use, env)).toEqual(DONE)
    expect(readFileSync(file, "utf8")).toContain('"stripe/api-key"')
    const none = await useFrom([bin(), ...AS_CI, "--no-audit"], env)
    expect(none.command).toBe(
      "agent-vault run --agent ci --no-audit -s stripe/api-key -- <command>",
    )
  })

  test("what is usual is not said", async () => {
    const env = shellEnv(true)
    const usual = {
      XDG_CONFIG_HOME: join(machine.home, ".config"),
      XDG_STATE_HOME: join(machine.home, ".local/state"),
    }
    const use = await useFrom([bin(), ...AS_CI, "--dir", machine.repo], { ...env, ...usual })
    expect(use.command).toBe("agent-vault run --agent ci -s stripe/api-key -- <command>")
  })
})
