import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../../machine.js"

let machine: Machine
beforeEach(async () => {
  machine = await vaultMachine()
})
afterEach(() => machine.remove())

const COMMANDS = [
  "agent-vault use stripe/api-key stripe --yes",
  "agent-vault meta stripe/api-key --use stripe --yes",
  "echo new | agent-vault set stripe/api-key --use stripe --yes",
  "agent-vault group remove stripe --with-secrets",
]

const SET_POLICY =
  "agent-vault policy show --example > p.yaml && agent-vault policy set p.yaml --yes"

/** Leaves the journal of a change that a kill ended before its branch moved. */
function leaveHalfDone(): string {
  const journal = join(machine.repo, ".git/agent-vault/journal.json")
  const from = machine.git("rev-parse", "HEAD")
  const to = machine.git("commit-tree", "-m", "never on the branch", "HEAD^{tree}")
  const change = { branch: "refs/heads/main", from, to, folder: ".agent-vault", paths: [] }
  mkdirSync(dirname(journal), { recursive: true })
  writeFileSync(journal, JSON.stringify(change))
  return journal
}

test.each(COMMANDS)("a change that was left half done is completed by %s", async (line) => {
  const journal = leaveHalfDone()
  expect(await machine.shell(line)).toMatchObject({ code: 0 })
  expect(existsSync(journal)).toBe(false)
})

test("and by policy set, and policy remove", async () => {
  for (const line of [SET_POLICY, "agent-vault policy remove --yes"]) {
    const journal = leaveHalfDone()
    expect(await machine.shell(line)).toMatchObject({ code: 0 })
    expect(existsSync(journal)).toBe(false)
  }
})

test("and by an import of what is there already, and more", async () => {
  await machine.shell("echo FIRST_KEY=obviously-fake > a.env && agent-vault import a.env -g stripe")
  const journal = leaveHalfDone()
  const again = "echo SECOND_KEY=obviously-fake >> a.env && agent-vault import a.env -g stripe"
  expect(await machine.shell(again)).toMatchObject({ code: 0 })
  expect(existsSync(journal)).toBe(false)
})
