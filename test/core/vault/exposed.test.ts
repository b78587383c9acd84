import { afterEach, beforeEach, expect, test } from "vitest"
import { describeSecrets, findVault, withVault } from "../../../src/core/index.js"
import { grant, inspect, rekeyAgent } from "../../../src/core/owner.js"
import { type World, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
  await world.revoke("ci", "stripe")
})
afterEach(() => world.remove())

async function exposedTo(): Promise<readonly string[]> {
  const secrets = await withVault(findVault(world.top), undefined, world.env, describeSecrets)
  const { identity: key } = await world.request()
  const place = findVault(world.top)
  const { findings } = await inspect({ place, key, env: world.env, now: new Date() })
  const told = findings.some(({ code }) => code === "EXPOSED")
  const agents = secrets.flatMap(({ exposed = [] }) => exposed.map(({ agent }) => agent))
  expect(told).toBe(agents.length > 0)
  return [...new Set(agents)]
}

test("an agent that was revoked is told, and granted again it is not", async () => {
  expect(await exposedTo()).toEqual(["ci"])
  await world.grant("ci", "stripe")
  expect(await exposedTo()).toEqual([])
  await world.revoke("ci", "stripe")
  expect(await exposedTo()).toEqual(["ci"])
})

test("a grant with an end does not take it back", async () => {
  const until = "2099-01-01T00:00:00Z"
  await grant({ ...(await world.request()), agent: "ci", groups: ["stripe"], until })
  expect(await exposedTo()).toEqual(["ci"])
})

test("with a new key, the one that it had is still told", async () => {
  await rekeyAgent({ ...(await world.request()), agent: "ci" })
  await world.grant("ci", "stripe")
  expect(await exposedTo()).toEqual(["ci"])
})
