import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { claimedId, findVault, withVault } from "../../../src/core/index.js"
import {
  acceptOwnerLine,
  addOwner,
  grant,
  joinAsOwner,
  moveSecret,
  rekeyAgent,
  renewGroupKey,
  revoke,
  setSecret,
  vaultInGit,
  whoCouldRead,
} from "../../../src/core/owner.js"
import { outcome, type World, vaultWorld } from "../world.js"

let world: World
beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

const day = (month: number): string => `2031-0${month}-01T00:00:00Z`

/** What an owner does, on the first of a month. */
async function on(month: number) {
  return { ...(await world.request()), now: new Date(day(month)) }
}

async function set(month: number, name: string, value: string): Promise<void> {
  await setSecret({ ...(await on(month)), name, value: Buffer.from(value), metadata: {} })
}

async function give(month: number, until?: string): Promise<void> {
  await grant({ ...(await on(month)), agent: "ci", groups: ["shop"], ...(until && { until }) })
}

/** The agents that could open each value: `2: ci reads since 01`. */
async function told(name: string, at?: string, now = day(9)): Promise<string[]> {
  const place = findVault(world.top)
  const { values } = await withVault(place, undefined, world.env, async (vault) =>
    whoCouldRead(await vaultInGit(vault, place, world.env), name, new Date(now), { at }),
  )
  return values.flatMap(({ version, readers }) =>
    readers
      .filter(({ who }) => who === "agent")
      .map(
        (each) =>
          `${version}: ${each.name} ${each.standing} since ${monthOf(each.from)}${lost(each.lost)}`,
      ),
  )
}

function monthOf(time: string): string {
  return time.slice(0, 4) === "2031" ? time.slice(5, 7) : "before"
}

function lost(time: string | undefined): string {
  return time === undefined ? "" : ` until ${monthOf(time)}`
}

test("a grant opens what was set before it, in that epoch; a revoke takes nothing back", async () => {
  await set(1, "shop/key", "first")
  await set(2, "shop/key", "second")
  await grant({ ...(await on(3)), agent: "ci", groups: ["shop"] })
  await revoke({ ...(await on(4)), agent: "ci", groups: ["shop"] })
  await grant({ ...(await on(5)), agent: "deploy", groups: ["shop"] })
  await set(6, "shop/key", "third")
  await grant({ ...(await on(7)), agent: "ci", groups: ["shop"], until: day(9) })
  // ci again, by its later grant; what it had, it had since the earlier one. The second value was
  // sealed to the key that it then got, so that one is not lost to it.
  expect(await told("shop/key", undefined, day(8))).toEqual([
    "3: ci reads since 07",
    "3: deploy reads since 06",
    "2: ci keeps since 03",
    "2: deploy keeps since 05",
    "1: ci keeps since 03 until 04",
  ])
  expect(await told("shop/key", undefined, day(9))).toContain("3: ci ended since 07")
})

test("a grant ends as its last record says, later or sooner than it was to", async () => {
  await set(1, "shop/key", "value")
  await give(2, day(5))
  await give(3, day(8))
  expect(await told("shop/key", undefined, day(7))).toEqual(["1: ci reads since 02"])
  await give(4, day(6))
  expect(await told("shop/key", undefined, day(7))).toEqual(["1: ci ended since 02"])
  await give(4)
  expect(await told("shop/key", undefined, day(9))).toEqual(["1: ci reads since 02"])
})

test("nothing is missing where a change replaces what it made itself: sealed anew, then set", async () => {
  await set(1, "shop/key", "first")
  await grant({ ...(await on(2)), agent: "ci", groups: ["shop"], until: day(3) })
  await set(4, "shop/key", "second")
  await grant({ ...(await on(5)), agent: "ci", groups: ["shop"], until: day(6) })
  await moveSecret({ ...(await on(7)), from: "shop/key", to: "shop/moved" })
  const place = findVault(world.top)
  const { missing } = await withVault(place, undefined, world.env, async (vault) =>
    whoCouldRead(await vaultInGit(vault, place, world.env), "shop/moved", new Date(day(8)), {}),
  )
  expect(missing).toEqual([])
})

test("a new key for the group takes nothing from who still has it", async () => {
  await set(1, "shop/key", "first")
  await grant({ ...(await on(2)), agent: "ci", groups: ["shop"] })
  await renewGroupKey({ ...(await on(3)), group: "shop" })
  await set(4, "shop/key", "second")
  expect(await told("shop/key")).toEqual(["2: ci reads since 04", "1: ci keeps since 02"])
})

test("a new key for the agent takes from the old one alone", async () => {
  await set(1, "shop/key", "first")
  await grant({ ...(await on(2)), agent: "ci", groups: ["shop"] })
  await rekeyAgent({ ...(await on(3)), agent: "ci" })
  await set(4, "shop/key", "second")
  const first = ["1: ci keeps since 02 until 03", "1: ci keeps since 03"]
  expect(await told("shop/key")).toEqual(["2: ci reads since 04", ...first])
})

test("as it was on a date", async () => {
  await set(1, "shop/key", "first")
  await grant({ ...(await on(2)), agent: "ci", groups: ["shop"] })
  await set(3, "shop/key", "second")
  await revoke({ ...(await on(4)), agent: "ci", groups: ["shop"] })
  await set(5, "shop/key", "third")
  expect(await told("shop/key", "2030-12-31T00:00:00Z")).toEqual([])
  expect(await told("shop/key", day(1))).toEqual([])
  expect(await told("shop/key", day(2))).toEqual(["1: ci reads since 02"])
  expect(await told("shop/key", day(3))).toEqual(["2: ci reads since 03", "1: ci keeps since 02"])
  expect(await told("shop/key", day(4))).toEqual([
    "2: ci keeps since 03 until 04",
    "1: ci keeps since 02 until 04",
  ])
  expect(await told("shop/key", day(6))).toEqual(await told("shop/key", day(4)))
})

test("under the names that it had; a secret that took an old name is another one", async () => {
  await set(1, "shop/key", "first")
  await grant({ ...(await on(2)), agent: "ci", groups: ["shop"] })
  await moveSecret({ ...(await on(3)), from: "shop/key", to: "db/key" })
  await set(4, "db/key", "second")
  await set(5, "shop/key", "another")
  expect(await told("db/key")).toEqual(["1: ci keeps since 02 until 03"])
  expect(await told("shop/key")).toEqual(["1: ci reads since 05", "1: ci keeps since 02 until 03"])
  expect(await outcome(told("shop/kex"))).toBe("SECRET_NOT_FOUND")
})

test("an owner who came later opens what was sealed to earlier keys of a group", async () => {
  // The first value is sealed to the first key alone.
  await world.set("stripe/api-key", "second")
  await world.revoke("ci", "stripe")
  const place = findVault(world.top)
  const home = join(world.folder, "bob")
  const { line } = await joinAsOwner(place, {
    owner: "bob",
    env: { ...world.env, HOME: home, XDG_CONFIG_HOME: home },
    now: new Date(),
    ask: () => Promise.reject(new Error("no key has a passphrase")),
    choose: () => Promise.resolve(undefined),
  })
  const joining = acceptOwnerLine(line, claimedId(place), "bob")
  await addOwner({ ...(await world.request()), joining })
  const { values } = await withVault(place, undefined, world.env, async (vault) =>
    whoCouldRead(await vaultInGit(vault, place, world.env), "stripe/api-key", new Date()),
  )
  const owners = values.map(({ version, readers }) => [
    version,
    ...readers
      .filter(({ who }) => who === "owner")
      .map(({ name, standing }) => `${name} ${standing}`),
  ])
  expect(owners).toEqual([
    [2, "alice reads", "bob reads"],
    [1, "alice keeps", "bob keeps"],
  ])
})
