import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { rekeyAgent } from "../../../src/core/change/agents.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { resolveAt, syncAt } from "./clones.js"

// What a team's month (month.test.ts), or reading on from there, came upon: each in as few steps as show it.

let template: World
let one: World
let two: World

beforeAll(async () => {
  template = await vaultWorld()
  await template.set("db/one", "of db")
  await template.grant("ci", "db")
})
// Two machines: what one has seen, the other has not.
beforeEach(() => {
  one = template.copy()
  two = template.copy()
  const origin = join(one.folder, "origin.git")
  one.git("clone", "-q", "--bare", one.top, origin)
  for (const world of [one, two]) {
    world.git("remote", "add", "origin", origin)
    world.git("fetch", "-q", "origin")
    world.git("branch", "-q", "--set-upstream-to=origin/main")
  }
})
afterEach(() => [one, two].forEach((world) => world.remove()))
afterAll(() => template.remove())

/** Gives deploy a new key, and returns its recipient. */
async function rekeyDeploy(world: World): Promise<string> {
  const { result } = await rekeyAgent({ ...(await world.request()), agent: "deploy" })
  return result.recipient
}

/** Merges what `sync` left to a person, for one side. */
async function settleFor(world: World, all: "ours" | "theirs"): Promise<void> {
  expect(await outcome(syncAt(world))).toBe("CONFLICT")
  await outcome(Promise.resolve().then(() => world.git("merge", "-q", "origin/main")))
  expect(await resolveAt(world, { named: new Map(), all })).toMatchObject({ conflicts: [] })
  world.git("commit", "-q", "--no-edit")
  await syncAt(world)
}

function recordOf(world: World, path: string): Record<string, unknown> {
  const text = readFileSync(`${world.vaultFolder}/.agent-vault/${path}`, "utf8")
  return JSON.parse(text) as Record<string, unknown>
}

test("a group that one side alone changed follows the key of an agent that the other side gave it", async () => {
  const key = await rekeyDeploy(one)
  await syncAt(one)
  await two.grant("deploy", "db")
  await rekeyDeploy(two)
  await settleFor(two, "theirs")
  expect(recordOf(two, "agents/deploy.json")).toMatchObject({ recipient: key })
  expect(recordOf(two, "groups/db.json")).toMatchObject({
    members: [{ agent: "ci" }, { agent: "deploy", recipient: key }],
  })
  expect(await two.read("ci", "db/one")).toBe("of db")
})

test("a new key of an agent stays, where the other side chose the one before it", async () => {
  await rekeyDeploy(one)
  await syncAt(one)
  await rekeyDeploy(two)
  await settleFor(two, "theirs")
  const key = await rekeyDeploy(one)
  expect(await syncAt(one)).toMatchObject({ settled: ["deploy"] })
  expect(recordOf(one, "agents/deploy.json")).toMatchObject({ recipient: key })
})

test("a revoke counts, however often the other side rekeyed before its grant", async () => {
  await one.grant("deploy", "stripe")
  await one.revoke("deploy", "stripe")
  await two.revoke("ci", "stripe")
  await two.grant("ci", "stripe")
  await two.revoke("ci", "stripe")
  await two.grant("deploy", "stripe")
  await syncAt(one)
  await syncAt(two)
  expect(await two.tryRead("deploy", "stripe/api-key")).toBe("NOT_GRANTED")
})

test("a value that somebody chose in a merge counts as set: a person chooses again", async () => {
  await one.set("db/one", "chosen")
  await syncAt(one)
  await two.set("db/one", "left")
  await settleFor(two, "theirs")
  await one.set("db/one", "newer")
  await settleFor(one, "ours")
  await syncAt(two)
  expect(await two.read("ci", "db/one")).toBe("newer")
})
