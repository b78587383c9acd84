import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import {
  type SecretListings,
  claimedId,
  findVault,
  identityAt,
  noAudit,
  readChosen,
} from "../../../src/core/index.js"
import { setSecrets } from "../../../src/core/owner.js"
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

test("of so many that they are verified on all cores, each is, and one that was changed is refused", async () => {
  const names = Array.from({ length: 40 }, (_, at) => `stripe/key-${at}`)
  const secrets = names.map((name) => ({ name, value: Buffer.from(`value of ${name}`) }))
  await setSecrets({ ...(await world.request()), secrets })
  const values = await read(namesOf)
  expect(values).toHaveLength(42)
  expect(values).toContain("stripe/key-39=value of stripe/key-39")
  const file = join(world.vaultFolder, ".agent-vault/secrets/stripe/key-20.json")
  writeFileSync(file, readFileSync(file, "utf8").replace('"version": 1', '"version": 2'))
  expect(await outcome(read(namesOf))).toBe("SIGNATURE_INVALID")
})

test("many are chosen and read anew if what they were chosen by is written meanwhile", async () => {
  const file = join(world.vaultFolder, ".agent-vault/groups/stripe.json")
  // The first reading leaves marks, which are a change too.
  await read(namesOf)
  let asked = 0
  const values = await read(async (listings) => {
    const names = await namesOf(listings)
    asked += 1
    if (asked === 1) writeFileSync(file, readFileSync(file))
    return names
  })
  expect(values).toEqual(["stripe/api-key=old", "stripe/webhook=hook"])
  expect(asked).toBe(2)
})
