import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import {
  describeOtherSecrets,
  describeSecrets,
  exposedName,
  findVault,
  withVault,
} from "../../../src/core/index.js"
import {
  addAgent,
  grant,
  inspect,
  rekeyAgent,
  removeAgent,
  removeSecrets,
} from "../../../src/core/owner.js"
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
  const agents = secrets.flatMap(({ exposed = [] }) => exposed.map(exposedName))
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

test("of an agent anew under the name, the key of the one before is still told", async () => {
  await removeAgent({ ...(await world.request()), agent: "ci" })
  await addAgent({ ...(await world.request()), agent: "ci" })
  await world.grant("ci", "stripe")
  expect(await exposedTo()).toEqual(["ci"])
})

test("rm tells who is exposed as list does", async () => {
  const exposedIn = async (name: string): Promise<unknown> => {
    const { result } = await removeSecrets({ ...(await world.request()), names: [name] })
    return result.removed[0]?.exposed
  }
  expect(await exposedIn("stripe/api-key")).toMatchObject([{ agent: "ci" }])
  await world.grant("ci", "stripe")
  expect(await exposedIn("stripe/webhook")).toBeUndefined()
})

test("where the record of its group is refused, it is told all the same", async () => {
  await world.grant("ci", "stripe")
  const path = ".agent-vault/groups/stripe.json"
  const signed = readFileSync(join(world.top, path), "utf8")
  const changed = signed.replace('"members"', '"member5"')
  expect(changed).not.toBe(signed)
  world.write(path, changed)
  const others = await withVault(findVault(world.top), undefined, world.env, (vault) =>
    describeOtherSecrets(vault),
  )
  expect(others.flatMap(({ exposed = [] }) => exposed.map(exposedName))).toContain("ci")
})
