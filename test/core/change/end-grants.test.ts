import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { endGrants, grant, inspect } from "../../../src/core/owner.js"
import { type World, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
  const ended = { agent: "deploy", groups: ["stripe"], until: "2026-01-02T00:00:00Z" }
  await grant({ ...(await world.request()), ...ended, now: new Date("2026-01-01T00:00:00Z") })
})
afterEach(() => world.remove())

async function codes(): Promise<readonly string[]> {
  const { place, identity: key, env, now } = await world.request()
  return (await inspect({ place, key, env, now })).findings.map(({ code }) => code)
}

function edit(change: (manifest: string) => string): void {
  const file = ".agent-vault/manifest.yaml"
  const before = readFileSync(join(world.top, file), "utf8")
  expect(change(before)).not.toBe(before)
  world.commit(file, change(before))
}

test("what ran out is taken away, and told as exposed", async () => {
  expect(await codes()).toContain("GRANT_ENDED")
  const { result } = await endGrants(await world.request())
  expect(result.exposed.map(({ secret }) => secret)).toEqual(["stripe/api-key", "stripe/webhook"])
  expect(result.plan.groups).toMatchObject([
    { group: "stripe", losses: [{ agent: "deploy", why: "ended" }] },
  ])
  expect(new Set(await codes())).toEqual(new Set(["EXPOSED"]))
  expect(await world.read("ci", "stripe/api-key")).toBe("old")
  expect((await endGrants(await world.request())).commit).toBeUndefined()
})

test("a wish in the manifest gives nobody anything by it, and stays", async () => {
  edit((manifest) => manifest.replace("grants:\n", "grants:\n  - { agent: ci, group: fresh }\n"))
  edit((manifest) => manifest.replace("groups:\n", "groups:\n  fresh: {}\n"))
  await endGrants(await world.request())
  expect(await codes()).toContain("PENDING")
  expect(await codes()).not.toContain("GRANT_ENDED")
  expect(await world.tryRead("deploy", "stripe/api-key")).toBe("NOT_GRANTED")
})

test("a later end that somebody wrote into the manifest is no grant, and waits for apply", async () => {
  edit((manifest) => manifest.replace("2026-01-02", "2099-01-02"))
  expect((await endGrants(await world.request())).commit).toBeUndefined()
  expect(await codes()).toContain("GRANT_ENDED")
  expect(await world.tryRead("deploy", "stripe/api-key")).toBe("GRANT_ENDED")
})
