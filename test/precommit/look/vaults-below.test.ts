import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { type Ran, Machine } from "../../cli/machine.js"

// A monorepo: vaults in two folders, none at the top, and Git starts the hook at the top.

const WEB = "services/web"
const API = "services/my api"
const VALUES = {
  [WEB]: ["kQ7", "not-A-real", "Value+19/web"].join("-"),
  [API]: ["kQ8", "not-A-real", "Value+20/api"].join("-"),
}

let template: Machine
let machine: Machine

/** Makes a vault in a folder of `$top`. */
const vaultIn = (folder: string, value: string): string => `
    mkdir -p '${folder}'; cd '${folder}'; agent-vault init; agent-vault agent add ci
    printf %s '${value}' | agent-vault set stripe/api-key; agent-vault grant ci stripe; cd "$top"`

beforeAll(async () => {
  template = new Machine()
  const { code, stderr } = await template.shell(`
    set -e; top=$PWD
    git config user.name alice; git config user.email alice@example.com
    ${Object.entries(VALUES)
      .map(([folder, value]) => vaultIn(folder, value))
      .join("\n")}
    cd ${WEB}; agent-vault guard install`)
  expect(stderr).not.toContain("not looked for")
  expect(code).toBe(0)
})
afterAll(() => template.remove())
beforeEach(async () => {
  machine = template.copy()
  await sleep(150)
})
afterEach(() => machine.remove())

/** Tries to commit a file with this content, from a folder of the repository. */
async function commit(content: string, from = ".", path = "notes.txt"): Promise<Ran> {
  const cwd = join(machine.repo, from)
  mkdirSync(cwd, { recursive: true })
  writeFileSync(join(cwd, path), content)
  return machine.shell(`git add '${path}' && git commit -qm notes`, { cwd })
}

/** The folder with this user's keys of a vault. */
function keysOf(folder: string): string {
  const record = readFileSync(join(machine.repo, folder, ".agent-vault/vault.json"), "utf8")
  const { vault } = JSON.parse(record) as { vault: string }
  return join(machine.home, ".config/agent-vault", vault)
}

const ALL = `${VALUES[WEB]}\n${VALUES[API]}\n`

test.each([
  [WEB, "."],
  [WEB, WEB],
  [WEB, API],
  [API, "."],
  [API, WEB],
  [API, "docs/of it"],
] as const)("a value of the vault in %s stops a commit in %s", async (folder, from) => {
  for (let round = 0; round < 2; round++) {
    const ran = await commit(`the key is ${VALUES[folder]}\n`, from)
    expect(ran.code).not.toBe(0)
    // Git runs the hook at the top, wherever the commit is made.
    expect(ran.stderr).toContain(`own-value: the value of stripe/api-key in the vault of ${folder}`)
    expect(ran.stderr).toContain(`where it is needed, in ${folder}: agent-vault get stripe/api-key`)
    expect(ran.stdout + ran.stderr).not.toContain(VALUES[folder])
  }
})

test("from a folder with a vault, that one is `this vault`, and the others have their names", async () => {
  for (const [from, command] of [
    [WEB, "agent-vault guard --json --stdin"],
    [WEB, "agent-vault guard --json ../../all.txt"],
    [WEB, "git add ../../all.txt; agent-vault guard --json"],
  ] as const) {
    writeFileSync(join(machine.repo, "all.txt"), ALL)
    const ran = await machine.shell(command, { cwd: join(machine.repo, from), stdin: ALL })
    const { findings } = JSON.parse(ran.stdout) as { findings: object[] }
    expect(findings).toHaveLength(2)
    expect(findings[0]).toMatchObject({ secret: "stripe/api-key", line: 1 })
    expect(findings[0]).not.toHaveProperty("vault")
    expect(findings[1]).toMatchObject({ secret: "stripe/api-key", line: 2, vault: API })
  }
})

test("a range and all files are searched for them, and so is a work tree", async () => {
  writeFileSync(join(machine.repo, "all.txt"), ALL)
  await machine.shell("git add all.txt; git commit -qnm all; git worktree add -q ../tree")
  for (const [command, cwd] of [
    ["agent-vault guard --range HEAD^!", machine.repo],
    ["agent-vault guard --all", machine.repo],
    ["agent-vault guard --all", join(machine.repo, "../tree")],
  ] as const) {
    const ran = await machine.shell(command, { cwd })
    expect(ran.stderr).toContain(`in the vault of ${WEB}`)
    expect(ran.stderr).toContain(`in the vault of ${API}`)
  }
})

test("with agents' keys of one of them only that one is searched for, and the other is not named", async () => {
  rmSync(keysOf(API), { recursive: true })
  const ran = await commit(ALL)
  expect(ran.code).not.toBe(0)
  expect(ran.stderr).toContain(`in the vault of ${WEB}`)
  expect(ran.stderr).not.toContain("api:")
  expect(ran.stderr).not.toContain("not all looked for")
})

test("where only the owner's key is here, it is said that the values are not looked for", async () => {
  rmSync(join(keysOf(API), "agents"), { recursive: true })
  const ran = await commit("nothing")
  expect(ran.code).toBe(0)
  expect(ran.stderr).toContain(`not all looked for: in ${API}, no agent's key is on this machine`)
})

test("a key that the environment names serves its own vault alone", async () => {
  const key = join(machine.home, "ci.key")
  renameSync(join(keysOf(API), "agents/ci.key"), key)
  for (const folder of [WEB, API]) rmSync(keysOf(folder), { recursive: true })
  writeFileSync(join(machine.repo, "all.txt"), ALL)
  await machine.shell("git add all.txt; git commit -qnm all")
  for (const name of [
    `AGENT_VAULT_IDENTITY_FILE='${key}'`,
    `AGENT_VAULT_IDENTITY="$(cat '${key}')"`,
  ]) {
    const ran = await machine.shell(`${name} agent-vault guard --range HEAD^!`)
    expect(ran.stderr).toContain(`in the vault of ${API}`)
    expect(ran.stderr).not.toContain(`in the vault of ${WEB}`)
    expect(ran.code).toBe(1)
  }
})

test("a key that the environment names for one vault keeps none of the others' from being used", async () => {
  const key = join(keysOf(API), "agents/ci.key")
  const ran = await machine.shell(`AGENT_VAULT_IDENTITY_FILE='${key}' agent-vault guard --stdin`, {
    stdin: ALL,
  })
  expect(ran.stderr).toContain(`in the vault of ${WEB}`)
  expect(ran.stderr).toContain(`in the vault of ${API}`)
})

test("one that was tampered with stops the commit, and the message says where it is", async () => {
  writeFileSync(join(machine.repo, WEB, ".agent-vault/groups/stripe.json"), "{}")
  const ran = await commit("nothing")
  expect(ran.code).not.toBe(0)
  expect(ran.stderr).toContain(`RECORD_INVALID: ${WEB}: groups/stripe.json`)
  expect(ran.stderr).toContain(`in ${WEB}: bring back the signed version`)
})

test("what others bring below the top, of a vault that is not ours, stops nothing", async () => {
  const bring = async (folder: string, record: string): Promise<void> => {
    mkdirSync(join(machine.repo, folder, ".agent-vault"), { recursive: true })
    writeFileSync(join(machine.repo, folder, ".agent-vault/vault.json"), record)
    await machine.shell(`git add -f ${folder} && git commit -qnm ${folder}`)
  }
  const ours = readFileSync(join(machine.repo, WEB, ".agent-vault/vault.json"), "utf8")
  // The same vault once more, one of a stranger, and one that is broken.
  await bring("copy", ours)
  await bring("zopy", ours)
  await bring("copy-of-it", ours.replace(/"serial": ?1/, '"serial":2'))
  await bring(
    "theirs",
    ours.replace(/"vault": ?"[0-9a-f]{4}/, (start) => `${start.slice(0, -4)}beef`),
  )
  await bring("broken", "{}")
  const clean = await commit("nothing")
  expect(clean.code).toBe(0)
  expect(clean.stderr).toContain("not all looked for: in broken, ")
  expect(clean.stderr).not.toContain("theirs")
  expect((await commit(ALL)).stderr).toContain(`in the vault of ${WEB}`)
})

test("a vault that a sparse checkout leaves out is not searched for", async () => {
  const sparse = await machine.shell(`git status --short; git sparse-checkout set '${API}'`)
  expect(sparse.code).toBe(0)
  const ran = await commit(ALL)
  expect(ran.code).not.toBe(0)
  expect(ran.stderr).toContain(`in the vault of ${API}`)
  expect(ran.stderr).not.toContain(`in the vault of ${WEB}`)
})

test("a path that means something to git or a shell is taken as it is", async () => {
  const folder = ":(top)*[a]$(touch x)"
  await machine.shell(`mkdir '${folder}'; git mv ${WEB} './${folder}/web' && git commit -qnm moved`)
  const ran = await commit(VALUES[WEB])
  expect(ran.code).not.toBe(0)
  expect(ran.stderr).toContain(`in the vault of ${folder}/web`)
})
