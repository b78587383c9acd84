import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { type Machine, vaultMachine } from "../../cli/machine.js"

let machine: Machine

beforeAll(async () => {
  machine = await vaultMachine()
})
afterAll(() => machine.remove())

test("nothing was changed as long as this process wrote no journal, whoever holds the lock", async () => {
  // As a process that has changed nothing: the vault was made by this one.
  vi.resetModules()
  const { findVault } = await import("../../../src/core/index.js")
  const { interruptedChange, openOwnerVault } = await import("../../../src/core/owner.js")
  const place = findVault(machine.repo)
  expect(interruptedChange(place)).toBeUndefined()
  await using vault = await openOwnerVault({ dir: machine.repo, env: machine.env })
  await vault.set("mail/token", "not a token", {}, { dryRun: true })
  expect(interruptedChange(place)).toBeUndefined()
  await vault.set("mail/token", "not a token")
  expect(interruptedChange(place)?.message).toBe("interrupted: what was committed stands")
})
