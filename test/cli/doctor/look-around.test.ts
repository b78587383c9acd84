import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { generateIdentity } from "../../../src/core/age/age.js"
import { type Machine, vaultMachine } from "../machine.js"

let machine: Machine

beforeEach(async () => {
  machine = await vaultMachine()
})
afterEach(() => machine.remove())

interface Told {
  readonly fixed: readonly string[]
  readonly steps: readonly { step: string; is: string; saw: string; mend?: string }[]
  readonly exitCode: number
}

async function look(line = "agent-vault doctor --json"): Promise<Told> {
  const ran = await machine.shell(line)
  const told = JSON.parse(ran.stdout) as Told
  expect(ran.code).toBe(told.exitCode)
  return told
}

function seen({ steps }: Told, step: string): unknown {
  return steps.filter((each) => each.step === step)
}

test("a clock that is behind the newest commit", async () => {
  expect(seen(await look(), "clock")).toMatchObject([{ is: "good" }])
  const commit = "git commit -q --allow-empty -m later"
  await machine.shell(`GIT_COMMITTER_DATE=2099-01-01T00:00:00Z ${commit}`)
  expect(seen(await look(), "clock")).toMatchObject([
    { is: "wrong", mend: "set this clock: grants end by it" },
  ])
})

test("a private key in the work tree, committed or not", async () => {
  const identity = await generateIdentity("x25519")
  const folder = join(machine.repo, "some notes")
  mkdirSync(folder)
  writeFileSync(join(folder, "a key.txt"), `# mine\n${identity}\n`)
  const told = await look()
  expect(seen(told, "work tree")).toMatchObject([
    { is: "wrong", saw: "some notes/a key.txt: a private key of age in the clear" },
  ])
  expect(JSON.stringify(told)).not.toContain(identity)
})

test("refresh tokens that were kept by an agent that is no more", async () => {
  const record = readFileSync(join(machine.repo, ".agent-vault/vault.json"), "utf8")
  const { vault } = JSON.parse(record) as { vault: string }
  const kept = join(machine.home, ".local/state/agent-vault", vault, "successors/agents")
  for (const agent of ["ci", "gone"]) {
    mkdirSync(join(kept, agent, "mail"), { recursive: true, mode: 0o700 })
    writeFileSync(join(kept, agent, "mail/token.age"), "sealed")
  }
  expect(seen(await look(), "successors")).toMatchObject([
    { is: "unknown", mend: expect.stringContaining(`rm -r ${join(kept, "gone")}`) as string },
  ])
  await machine.shell("agent-vault agent remove ci")
  expect(seen(await look(), "successors")).toHaveLength(2)
})

test("a change that was left half done is completed by --fix", async () => {
  const file = join(machine.repo, ".git/agent-vault/journal.json")
  const from = machine.git("rev-parse", "HEAD")
  const to = machine.git("commit-tree", "-m", "never on the branch", "HEAD^{tree}")
  const change = { branch: "refs/heads/main", from, to, folder: ".agent-vault", paths: [] }
  mkdirSync(join(file, ".."), { recursive: true })
  writeFileSync(file, JSON.stringify(change))
  expect(seen(await look(), "journal")).toMatchObject([{ is: "wrong", mend: "agent-vault repair" }])
  const told = await look("agent-vault doctor --fix --json")
  expect(told.fixed).toContain("journal (agent-vault repair)")
  expect(seen(told, "journal")).toMatchObject([{ is: "good" }])
})

test("attributes outside the vault by which Git converts its files", async () => {
  expect(seen(await look(), "attributes")).toMatchObject([{ is: "good" }])
  const root = join(machine.repo, ".gitattributes")
  writeFileSync(root, "*.json working-tree-encoding=UTF-16LE\n")
  expect(seen(await look(), "attributes")).toMatchObject([
    { is: "wrong", saw: "Git has working-tree-encoding: UTF-16LE for .agent-vault/agents/ci.json" },
  ])
  rmSync(root)
  mkdirSync(join(machine.repo, ".git/info"), { recursive: true })
  writeFileSync(join(machine.repo, ".git/info/attributes"), "vault.json text\n")
  expect(seen(await look(), "attributes")).toMatchObject([
    { is: "wrong", saw: "Git has text: set for .agent-vault/vault.json" },
  ])
})

test("a search for keys that fails is not one that finds none", async () => {
  const bin = join(machine.home, "failing")
  mkdirSync(bin)
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim()
  const script = `#!/bin/sh\ncase " $* " in *" grep "*) exit 128;; *) exec ${real} "$@";; esac\n`
  writeFileSync(join(bin, "git"), script, { mode: 0o755 })
  const told = await look(`PATH="${bin}:$PATH" agent-vault doctor --json`)
  expect(seen(told, "work tree")).toEqual([])
  expect(seen(told, "clone")).toMatchObject([{ is: "wrong" }])
})

test("a git that is old", async () => {
  const bin = join(machine.home, "old")
  mkdirSync(bin)
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim()
  for (const [version, is] of [
    ["2.29.1", "wrong"],
    ["2.31.0", "unknown"],
  ] as const) {
    const script = `#!/bin/sh\ncase " $* " in *" version "*) echo git version ${version};; *) exec ${real} "$@";; esac\n`
    writeFileSync(join(bin, "git"), script)
    chmodSync(join(bin, "git"), 0o755)
    const told = await look(`PATH="${bin}:$PATH" agent-vault doctor --json`)
    expect(seen(told, "git")).toMatchObject([{ is, saw: version }])
  }
})

test("a guard that cannot look is not told as one that is not installed", async () => {
  await machine.shell("agent-vault guard install")
  const [key = ""] = keyFiles()
  chmodSync(key, 0o644)
  const mend = `chmod 600 ${key}`
  const saw = `A commit would be stopped, but the guard cannot look at it: KEY_UNSAFE: `
  expect(seen(await look(), "guard")).toMatchObject([
    { is: "wrong", saw: expect.stringContaining(saw) as string, mend },
  ])
  expect((await machine.shell("agent-vault guard status")).stderr).toContain(`next: ${mend}`)
  const told = await look("agent-vault doctor --fix --json")
  expect(told.fixed.filter((step) => /keys|guard/.test(step))).toEqual([`keys (${mend})`])
  expect(seen(told, "guard")).toMatchObject([{ is: "good" }])
})

test("a holder with an older key beside the present one is named once", async () => {
  await machine.shell("agent-vault agent rekey ci")
  expect(keyFiles().length).toBeGreaterThan(2)
  expect(seen(await look(), "keys")).toMatchObject([{ saw: "owner alice, agent ci, agent deploy" }])
})

function keyFiles(): string[] {
  const keys = join(machine.home, ".config/agent-vault")
  const [vault = ""] = readdirSync(keys)
  const folder = join(keys, vault, "agents")
  return readdirSync(folder).map((name) => join(folder, name))
}
