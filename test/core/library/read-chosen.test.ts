import { afterEach, beforeEach, expect, test } from "vitest"
import {
  type SecretListings,
  claimedId,
  findVault,
  identityAt,
  noAudit,
  readChosen,
} from "../../../src/core/index.js"
import { type World, outcome, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

/** What is read, `name=value` each. */
async function read(
  choose: (listings: SecretListings) => Promise<readonly string[]>,
  identity: object = { agent: "ci" },
): Promise<readonly string[]> {
  const place = findVault(world.vaultFolder)
  const key = await identityAt(place, identity, "always", world.env, () => {
    throw new Error("no key has a passphrase")
  })
  const outlet = { surface: "run" } as const
  const request = { place, key, env: world.env, outlet, audit: noAudit() }
  const values = await readChosen(request, claimedId(place), choose)
  return Object.entries(values).map(([name, value]) => `${name}=${value.reveal()}`)
}

async function namesOf(listings: SecretListings): Promise<readonly string[]> {
  return (await listings.list("stripe")).map(({ name }) => name)
}

test("what is listed is read", async () => {
  expect(await read(namesOf)).toEqual(["stripe/api-key=old", "stripe/webhook=hook"])
})

test.each([
  ["a secret that the agent may not open", "NOT_GRANTED", { agent: "deploy" }, "stripe/api-key"],
  ["a secret that is not there", "SECRET_NOT_FOUND", { agent: "ci" }, "stripe/none"],
  ["an owner's key", "OWNER_KEY_UNASKED", {}, "stripe/api-key"],
])("%s is %s, chosen or described", async (_what, code, identity, name) => {
  const both = ["stripe/webhook", name]
  expect(await outcome(read(() => Promise.resolve(both), identity))).toBe(code)
  const described = read(async (listings) => [(await listings.describe(name)).name], identity)
  expect(await outcome(described)).toBe(code)
})

test("a group that is not there is GROUP_NOT_FOUND", async () => {
  const none = read(async (listings) => (await listings.list("none")).map(({ name }) => name))
  expect(await outcome(none)).toBe("GROUP_NOT_FOUND")
})
