import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { addGroup } from "../../../src/core/change/groups.js"
import { findVault } from "../../../src/core/disk/place.js"
import { MANIFEST } from "../../../src/core/words/layout.js"
import { type World, vaultWorld } from "../world.js"
import { syncAt, twoMachines } from "./clones.js"

// Whoever can push can commit records that nobody signed, and take them away again. What lies there is
// whole, and a name that is made anew goes on from what the history removed: not from these.

let one: World
let two: World

beforeEach(async () => {
  const template = await vaultWorld()
  ;[one, two] = twoMachines(template)
  template.remove()
})
afterEach(() => [one, two].forEach((world) => world.remove()))

/** The last number that a record may have but one: what goes on from it has nowhere to go. */
const FAR = Number.MAX_SAFE_INTEGER - 1

/** Commits a record with far too high numbers, and then what was there before. */
function plant(world: World, from: string, path: string): void {
  const record = JSON.parse(readFileSync(join(world.top, ".agent-vault", from), "utf8")) as object
  const far = { ...record, path, serial: FAR, ...("epoch" in record ? { epoch: FAR } : {}) }
  const file = `.agent-vault/${path}`
  world.commit(file, `${JSON.stringify(far, null, 2)}\n`)
  world.git("rm", "-q", file)
  world.git("commit", "-qm", "never mind")
}

function recordOf(world: World, path: string): Record<string, unknown> {
  const file = join(findVault(world.top).root, path)
  return JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>
}

test("a group that is made anew begins at the beginning, and can be revoked", async () => {
  plant(one, "groups/stripe.json", "groups/db.json")
  await addGroup({ ...(await one.request()), group: "db" })
  expect(recordOf(one, "groups/db.json")).toMatchObject({ epoch: 1, serial: 1 })
  await one.set("db/password", "value")
  await one.grant("ci", "db")
  await one.revoke("ci", "db")
  expect(await one.tryRead("ci", "db/password")).toBe("NOT_GRANTED")
})

test("a secret that is made anew can be changed and rotated", async () => {
  plant(one, "secrets/stripe/api-key.json", "secrets/stripe/new.json")
  for (const value of ["first", "second"]) await one.set("stripe/new", value)
  expect(recordOf(one, "secrets/stripe/new.json")).toMatchObject({ serial: 2, version: 2 })
})

test("what a merge signs anew does not go on from them, and its group can be revoked", async () => {
  one.git("rm", "-q", ".agent-vault/secrets/stripe/webhook.json")
  one.git("commit", "-qm", "look")
  plant(one, "secrets/stripe/api-key.json", "secrets/stripe/webhook.json")
  one.git("checkout", "-q", "origin/main", "--", ".agent-vault")
  one.git("commit", "-qm", "never mind that either")
  one.git("push", "-q", "origin", "main")
  await two.set("stripe/third", "value")
  await syncAt(two)
  expect(recordOf(two, "secrets/stripe/webhook.json")["serial"]).toBeLessThan(10)
  await two.revoke("ci", "stripe")
  expect(await two.tryRead("ci", "stripe/webhook")).toBe("NOT_GRANTED")
  expect(readFileSync(join(two.top, ".agent-vault", MANIFEST), "utf8")).not.toContain("agent: ci")
})
