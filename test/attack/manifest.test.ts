import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { apply, grant } from "../../src/core/owner.js"
import {
  type Arena,
  type Machine,
  VALUES,
  copyArena,
  copyMachine,
  loot,
  makeArena,
  said,
} from "./arena.js"

// The manifest is a wish that anybody with push access can edit. It lets nobody in and locks nobody
// out, until an owner has seen the plan.

const DAY = 86_400_000
const STRIPE = [VALUES["stripe/api-key"], VALUES["stripe/webhook"]].sort()

let stage: Arena
let alice: Machine

beforeAll(async () => {
  stage = await makeArena()
})
afterAll(() => stage.remove())
beforeEach(() => {
  alice = copyMachine(stage.alice)
})
afterEach(() => alice.remove())

test("a merged pull request that adds a grant lets nobody in until apply, which shows it", async () => {
  const arena = copyArena(stage)
  const { ci, mallory } = arena
  const owner = arena.alice
  mallory.edit("manifest.yaml", "grants:\n", "grants:\n  - { agent: temp, group: stripe }\n")
  mallory.publish("a pull request")
  owner.pull()
  ci.pull()
  const temp = await owner.identityOf("temp")

  expect(ci.code(["get", "stripe/api-key", "--agent", "ci"], { shows: true })).toBe("0 ok")
  expect(owner.code(["get", "stripe/api-key", "--agent", "temp"])).toBe("4 NOT_GRANTED")
  expect(owner.run(["check"]).stdout).toContain("PENDING  stripe: temp is to open it")
  expect(owner.code(["grant", "temp", "db"])).toBe("6 PENDING")
  expect(owner.code(["set", "stripe/new"], { stdin: "before-apply" })).toBe("0 ok")
  expect(owner.code(["apply"])).toBe("2 NO_TERMINAL")
  expect(owner.code(["apply", "--yes"])).toBe("2 NO_TERMINAL")
  expect(await loot(owner.vault, [temp])).toEqual([])

  const plan = owner.run(["apply", "--dry-run"])
  expect(plan.stdout).toContain("+ temp gains access")
  const id = /--plan (\w+)/.exec(plan.stderr)?.[1] ?? ""
  owner.edit("manifest.yaml", "grants:\n", "grants:\n  - { agent: temp, group: db }\n")
  expect(owner.code(["apply", "--yes", "--plan", id])).toBe("6 PLAN_CHANGED")
  expect(await loot(owner.vault, [temp])).toEqual([])
  owner.git("restore", "--", ".agent-vault/manifest.yaml")
  expect(owner.code(["apply", "--yes", "--plan", id])).toBe("0 ok")
  expect(await loot(owner.vault, [temp])).toContain(VALUES["stripe/api-key"])
  arena.remove()
})

test("a grant taken out of the manifest locks nobody out until apply", async () => {
  alice.edit("manifest.yaml", /.*agent: ci.*\n/, "")
  alice.arrive()
  expect(await alice.read("ci", "stripe/api-key")).toBe(VALUES["stripe/api-key"])
  // But nothing new is sealed to whom the manifest has taken out.
  expect(await said(alice.set("stripe/new", "x"))).toBe("PENDING")
  expect(await said(alice.grant("temp", "stripe"))).toBe("PENDING")
})

test("nor does an end in the past that somebody wrote into it", async () => {
  alice.edit("manifest.yaml", "group: stripe }", 'group: stripe, until: "2020-01-01T00:00:00Z" }')
  alice.arrive()
  expect(await said(alice.set("stripe/new", "x"))).toBe("PENDING")
  expect(await said(alice.grant("temp", "stripe"))).toBe("PENDING")
  expect(await alice.read("ci", "stripe/api-key")).toBe(VALUES["stripe/api-key"])
})

test("a grant that has ended is not kept alive by a later end in the manifest", async () => {
  const now = new Date(Date.now() - 3 * DAY)
  const until = `${new Date(Date.now() - 2 * DAY).toISOString().slice(0, 19)}Z`
  await grant({ ...(await alice.request()), now, agent: "temp", groups: ["stripe"], until })
  const temp = await alice.identityOf("temp")
  alice.edit("manifest.yaml", until, "2099-01-01T00:00:00Z")
  alice.arrive()

  expect(await said(alice.set("stripe/new", "after-the-end"))).toBe("PENDING")
  expect(await said(alice.grant("deploy", "stripe"))).toBe("PENDING")
  expect(await alice.tryRead("temp", "stripe/api-key")).toBe("GRANT_ENDED")
  expect(await loot(alice.vault, [temp])).toEqual(STRIPE)
})

test("a group taken out of the manifest keeps its secrets", async () => {
  alice.edit("manifest.yaml", /.*(?:stripe: \{\}|agent: ci).*\n/g, "")
  alice.arrive()
  expect(await said(apply(await alice.request()))).toBe("PENDING")
  expect(await alice.read("ci", "stripe/api-key")).toBe(VALUES["stripe/api-key"])
})

test("a grant to an agent that does not exist waits for nobody to take that name", async () => {
  alice.edit("manifest.yaml", "grants:\n", "grants:\n  - { agent: new, group: stripe }\n")
  alice.arrive()
  expect(alice.code(["agent", "add", "new"])).toBe("0 ok")
  expect(await alice.tryRead("new", "stripe/api-key")).toBe("NOT_GRANTED")
  expect(await loot(alice.vault, [await alice.identityOf("new")])).toEqual([])
})

test("a hostile manifest stops every change, and no reader", () => {
  alice.edit("manifest.yaml", "stripe: {}", "stripe: &x {}\n  copy: *x")
  alice.arrive()
  const before = alice.snapshot()
  expect(alice.code(["get", "stripe/api-key", "--agent", "ci"], { shows: true })).toBe("0 ok")
  expect(alice.code(["list"])).toBe("0 ok")
  expect(alice.code(["check"])).toBe("1 attention MANIFEST_INVALID")
  for (const command of ["set new/x", "grant temp db", "revoke ci stripe", "apply"]) {
    expect(alice.code(command.split(" "), { stdin: "x" })).toBe("5 MANIFEST_INVALID")
  }
  expect(alice.snapshot()).toEqual(before)
})
