import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { type Machine, vaultMachine } from "../../machine.js"

let machine: Machine

/** A vault whose one grant that ends has ended. */
beforeEach(async () => {
  machine = await vaultMachine()
  await machine.call(["grant", "deploy", "db", "--for", "1h"])
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 60 * 60 * 1000 })
})
afterEach(() => {
  vi.useRealTimers()
  machine.remove()
})

test("a dry run shows what would be ended, and ends nothing", async () => {
  const before = machine.git("rev-parse", "HEAD")
  const dry = await machine.call(["check", "--fix", "--dry-run"])
  expect(dry.code).toBe(1)
  expect(dry.stdout).toMatch(/^db\n.*\n {2}- deploy loses access/)
  expect(dry.stdout).toContain("Dry run: ")
  expect(dry.stdout).toContain("GRANT_ENDED")
  expect(machine.git("rev-parse", "HEAD")).toBe(before)
  expect((await machine.call(["check", "--fix"])).stderr).toMatch(/deploy loses access/)
  expect(machine.git("rev-parse", "HEAD")).not.toBe(before)
  expect((await machine.call(["check", "--fix", "--dry-run"])).stdout).toMatch(
    /^Nothing would change\.\n/,
  )
})

test("as JSON it is the plan, without a commit", async () => {
  const { stdout } = await machine.call(["check", "--fix", "--dry-run", "--json"])
  const { fixed } = JSON.parse(stdout) as { fixed: Record<string, unknown> }
  expect(fixed).toMatchObject({ plan: { groups: [{ group: "db" }] } })
  expect(fixed["files"]).toContain("groups/db.json")
  expect(fixed["commit"]).toBeUndefined()
})
