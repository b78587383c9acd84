import { afterEach, beforeEach, expect, test } from "vitest"
import { describeSecrets, findVault, withVault } from "../../../src/core/index.js"
import {
  type LeaseEdit,
  changeMetadata,
  parseLease,
  removeSecrets,
  setSecret,
} from "../../../src/core/owner.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { APP_KEY } from "../leases/issuer.js"
import { type Clones, clonesOf, mergeAt, syncAt } from "./clones.js"

// Two clones change one secret, one of them how it is leased. A lease that a merge loses hands out the
// key that is sealed, and a narrowing that it loses hands out more than an owner signed.

const NAME = "stripe/api-key"
const APP = ["app=12345", "installation=678"]
const WIDE = parseLease("github-app", APP)
const NARROW = parseLease("github-app", [...APP, "repositories=web"])

let clones: Clones

beforeEach(async () => {
  clones = clonesOf(await vaultWorld())
})
afterEach(() => clones.one.remove())

async function meta(world: World, lease?: LeaseEdit, description?: string): Promise<void> {
  const metadata = description === undefined ? {} : { description }
  await changeMetadata({ ...(await world.request()), name: NAME, metadata, lease })
}

async function put(world: World, value: string, lease?: LeaseEdit): Promise<void> {
  const request = { ...(await world.request()), name: NAME, metadata: {} }
  await setSecret({ ...request, value: Buffer.from(value), lease })
}

async function leased(world: World): Promise<LeaseEdit> {
  const listed = await withVault(findVault(world.top), undefined, world.env, describeSecrets)
  return listed.find(({ name }) => name === NAME)?.lease ?? "none"
}

test("a lease that one clone signs stays, whatever else the other says of the secret", async () => {
  const { one, two } = clones
  await meta(one, NARROW)
  await meta(two, undefined, "the app of ci")
  await syncAt(one)
  await syncAt(two)
  expect(await leased(two)).toEqual(NARROW)
})

test("a narrower lease is also that of a new value from the other clone", async () => {
  const { one, two } = clones
  await meta(one, WIDE)
  await syncAt(one)
  await syncAt(two)
  await meta(one, NARROW)
  await put(two, APP_KEY)
  await syncAt(one)
  await syncAt(two)
  expect(await leased(two)).toEqual(NARROW)
})

test.each([
  ["ours", WIDE],
  ["theirs", NARROW],
] as const)("two leases are a conflict, and one is chosen: %s", async (side, expected) => {
  const { one, two } = clones
  await meta(one, NARROW)
  await meta(two, WIDE)
  await syncAt(one)
  expect(await outcome(syncAt(two))).toBe("CONFLICT")
  expect(await mergeAt(two)).toEqual([NAME])
  expect(await mergeAt(two, side)).toEqual([])
  expect(await leased(two)).toEqual(expected)
})

test("of two new values, the one that is chosen is leased as it was set", async () => {
  const { one, two } = clones
  await meta(one, WIDE)
  await syncAt(one)
  await syncAt(two)
  await put(one, "a-plain-token", "none")
  await put(two, APP_KEY)
  await syncAt(one)
  expect(await mergeAt(two, "ours")).toEqual([])
  expect(await leased(two)).toEqual(WIDE)
})

test("a removal that did not know of a lease is a conflict", async () => {
  const { one, two } = clones
  await removeSecrets({ ...(await one.request()), names: [NAME] })
  await meta(two, WIDE)
  await syncAt(one)
  expect(await outcome(syncAt(two))).toBe("CONFLICT")
})
