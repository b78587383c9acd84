import { existsSync } from "node:fs"
import { afterEach, beforeEach, expect, test } from "vitest"
import { leaveHalfDone } from "../../half-done.js"
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

test.each(COMMANDS)("a change that was left half done is completed by %s", async (line) => {
  const journal = leaveHalfDone(machine)
  expect(await machine.shell(line)).toMatchObject({ code: 0 })
  expect(existsSync(journal)).toBe(false)
})

test("and by policy set, and policy remove", async () => {
  for (const line of [SET_POLICY, "agent-vault policy remove --yes"]) {
    const journal = leaveHalfDone(machine)
    expect(await machine.shell(line)).toMatchObject({ code: 0 })
    expect(existsSync(journal)).toBe(false)
  }
})

test("and by an import of what is there already, and more", async () => {
  await machine.shell("echo FIRST_KEY=obviously-fake > a.env && agent-vault import a.env -g stripe")
  const journal = leaveHalfDone(machine)
  const again = "echo SECOND_KEY=obviously-fake >> a.env && agent-vault import a.env -g stripe"
  expect(await machine.shell(again)).toMatchObject({ code: 0 })
  expect(existsSync(journal)).toBe(false)
})
