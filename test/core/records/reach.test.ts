import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { describeAgents, findVault, withVault } from "../../../src/core/index.js"
import { grant } from "../../../src/core/owner.js"
import { type Reach, compareReach, reachIn, reachText } from "../../../src/core/records/reach.js"
import { accessIn } from "../../../src/core/records/revokes.js"
import { type World, outcome, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

test("an epoch counts more than a serial", () => {
  const rekeyed = { epoch: 2, serial: 3 }
  expect(compareReach({ epoch: 1, serial: 5 }, rekeyed)).toBeLessThan(0)
  expect(compareReach(rekeyed, { epoch: 1, serial: 5 })).toBeGreaterThan(0)
  expect(compareReach({ epoch: 2, serial: 4 }, rekeyed)).toBeGreaterThan(0)
  expect(compareReach({ ...rekeyed }, rekeyed)).toBe(0)
  expect([reachText(rekeyed), reachText({ epoch: 0, serial: 3 })]).toEqual([
    "epoch 2, serial 3",
    "serial 3",
  ])
})

test("only whole numbers have an order", () => {
  expect(reachIn(Buffer.from('{"serial":3}'))).toEqual({ epoch: 0, serial: 3 })
  for (const text of ['{"serial":3,"epoch":"2"}', '{"serial":1.5}', '{"epoch":1}', "{", "null"]) {
    expect(reachIn(Buffer.from(text)), text).toBeUndefined()
  }
  expect(reachIn(undefined)).toBeUndefined()
})

test("a record is read from whatever bytes hold it", () => {
  const record = new TextEncoder().encode('{"serial":3,"members":[],"revoked":[]}')
  expect(reachIn(record)).toEqual({ epoch: 0, serial: 3 })
  expect(accessIn(record)).toEqual({ members: [], revoked: [] })
})

test("a rekey is not undone by a side that has more changes", async () => {
  const branch = world.git("rev-parse", "--abbrev-ref", "HEAD").trim()
  world.git("switch", "-q", "-c", "side")
  await world.grant("deploy", "stripe")
  const side = world.git("rev-parse", "HEAD").trim()
  for (const until of ["2097", "2098", "2099"]) await regrant(`${until}-01-01T00:00:00Z`)
  const busy = world.git("rev-parse", "HEAD").trim()
  world.git("switch", "-q", branch)
  world.git("reset", "-q", "--hard", side)
  await world.revoke("deploy", "stripe")
  expect(reachOfStripe()).toMatchObject({ epoch: 2 })
  const rekeyed = reachOfStripe()

  world.git("checkout", "-q", busy, "--", ".agent-vault")
  world.git("commit", "-q", "-m", "the side with more changes")
  const taken = reachOfStripe()
  expect(taken.epoch).toBeLessThan(rekeyed.epoch)
  expect(taken.serial).toBeGreaterThan(rekeyed.serial)
  const listing = withVault(findVault(world.top), undefined, world.env, describeAgents)
  expect(await outcome(listing)).toBe("ROLLED_BACK")
})

/** Another end for the same grant: the record changes, the key does not. */
async function regrant(until: string): Promise<void> {
  await grant({ ...(await world.request()), agent: "deploy", groups: ["stripe"], until })
}

function reachOfStripe(): Reach {
  const reach = reachIn(readFileSync(join(world.top, ".agent-vault/groups/stripe.json")))
  if (reach === undefined) throw new Error("the group has a record")
  return reach
}
