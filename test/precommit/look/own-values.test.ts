import { readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { type Ran, Machine } from "../../cli/machine.js"

const VALUE = ["kQ7", "not-A-real", "Value+19/x"].join("-")

let template: Machine
let machine: Machine

beforeAll(async () => {
  template = new Machine()
  const { code } = await template.shell(`
    set -e
    git init -q -b main; git config user.name alice; git config user.email alice@example.com
    agent-vault init; agent-vault agent add ci
    printf %s '${VALUE}' | agent-vault set stripe/api-key; agent-vault grant ci stripe
    agent-vault guard install`)
  expect(code).toBe(0)
})
afterAll(() => template.remove())
beforeEach(async () => {
  machine = template.copy()
  await sleep(150)
})
afterEach(() => machine.remove())

/** Tries to commit a file with this content, through the hook that is installed. */
async function commit(content: string | Uint8Array): Promise<Ran> {
  writeFileSync(join(machine.repo, "notes.txt"), content)
  const ran = await machine.shell("git add notes.txt && git commit -qm notes")
  expect(ran.stdout + ran.stderr).not.toContain(VALUE)
  return ran
}

const long = Buffer.from(`${"a".repeat(40)}${VALUE}${"b".repeat(40)}`)
const forms: [string, string | Uint8Array][] = [
  ["as it is", `the key is ${VALUE}\n`],
  ["in base64, over lines", (long.toString("base64").match(/.{1,76}/g) ?? []).join("\n")],
  ["in hex", Buffer.from(VALUE).toString("hex")],
  ["in a URL", `https://example.com/?q=${encodeURIComponent(VALUE)}`],
  ["in UTF-16", Buffer.from(`the key is ${VALUE}\n`, "utf16le")],
  ["in a binary file", Buffer.concat([Buffer.of(0, 1, 2, 0), Buffer.from(VALUE), Buffer.of(0)])],
  ["in a file of 6 MiB", Buffer.concat([Buffer.alloc(6 << 20, "x\n"), Buffer.from(VALUE)])],
]

test.each(forms)("a value of the vault %s stops the commit", async (_form, content) => {
  for (let round = 0; round < 2; round++) {
    const ran = await commit(content)
    expect(ran.code).not.toBe(0)
    expect(ran.stderr).toContain("own-value: the value of stripe/api-key in this vault")
  }
})

test("a value of the vault in the name of a file stops the commit, and is not shown", async () => {
  const path = encodeURIComponent(VALUE)
  const ran = await machine.shell(
    `mkdir -p '${path}' && echo x > '${path}/x.txt' && git add . && git commit -qm names`,
  )
  expect(ran.code).not.toBe(0)
  expect(ran.stderr).toContain("own-value: the value of stripe/api-key")
  expect(ran.stdout + ran.stderr).not.toContain(encodeURIComponent(VALUE))
})

test("a new value is known at once, and the old one is free", async () => {
  await machine.shell("printf another-Fake-value-77 | agent-vault set stripe/api-key")
  expect((await commit("another-Fake-value-77")).code).not.toBe(0)
  const ran = await machine.shell(`printf '%s' '${VALUE}' | agent-vault guard --stdin`)
  expect(ran.stderr).not.toContain("own-value")
})

test("a secret that cannot be read now is looked for by the value that it had last", async () => {
  const { code } = await machine.shell("git add . && git commit -qm once --allow-empty")
  expect(code).toBe(0)
  writeFileSync(join(machine.repo, ".agent-vault/secrets/stripe/api-key.age"), "garbage")
  for (let round = 0; round < 2; round++) {
    const ran = await commit(VALUE)
    expect(ran.code).not.toBe(0)
    expect(ran.stderr).toContain("own-value: the value of stripe/api-key")
    expect(ran.stderr).toContain("could not be read")
  }
})

test("a read that cannot be noted stops the commit, with the reason", async () => {
  const state = join(machine.home, ".local/state/agent-vault")
  const id = readdirSync(state).find((name) => /^[0-9a-f]{32}$/.test(name)) ?? ""
  rmSync(join(state, id, "audit"), { recursive: true })
  writeFileSync(join(state, id, "audit"), "")
  const ran = await commit("nothing")
  expect(ran.code).not.toBe(0)
  expect(ran.stderr).toContain("AUDIT_UNWRITABLE")
})

test("it is said if the vault is not in the work tree", async () => {
  rmSync(join(machine.repo, ".agent-vault"), { recursive: true })
  const ran = await commit("nothing")
  expect(ran.stderr).toContain("not looked for: the vault is not in the work tree")
})

test("the vault's own files pass", async () => {
  const ran = await machine.shell(
    "git rm -rq --cached .agent-vault; git add . && git commit -qm all",
  )
  expect(ran.stderr).not.toContain("own-value")
})

test("without an agent's key it is said that they are not looked for; the owner's is not used", async () => {
  for (const folder of readdirSync(join(machine.home, ".config/agent-vault"))) {
    rmSync(join(machine.home, ".config/agent-vault", folder, "agents"), { recursive: true })
  }
  const ran = await commit(VALUE)
  expect(ran.stderr).toContain("no agent's key is on this machine")
  expect(ran.stderr).not.toContain("own-value: ")
})

test("a vault that was tampered with stops the commit, with the reason", async () => {
  const record = join(machine.repo, ".agent-vault/vault.json")
  writeFileSync(record, "{}")
  const ran = await commit("nothing")
  expect(ran.code).not.toBe(0)
  expect(ran.stderr).toContain("RECORD_INVALID")
})

test("it is said if no agent here may read any of them, and nothing else is held back", async () => {
  expect((await machine.shell("agent-vault revoke ci stripe")).code).toBe(0)
  const ran = await machine.shell("echo a > a.txt && git add a.txt && git commit -qm a")
  expect(ran.stderr).toContain("not looked for: no agent whose key is here may read")
  expect(ran.code).toBe(0)
})
