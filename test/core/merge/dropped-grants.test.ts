import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { removeAgent } from "../../../src/core/change/agents.js"
import { resolveAt, syncAt, twoMachines } from "../sync/clones.js"
import { type World, outcome, vaultWorld } from "../world.js"

let template: World
let one: World
let two: World

beforeAll(async () => {
  template = await vaultWorld()
})
beforeEach(() => {
  ;[one, two] = twoMachines(template)
})
afterEach(() => [one, two].forEach((world) => world.remove()))
afterAll(() => template.remove())

const REVOKED = [{ agent: "deploy", group: "stripe", why: "revoked" }]

test("a grant that the other side had made, and revoked, is told of as dropped", async () => {
  await one.grant("deploy", "stripe")
  await one.revoke("deploy", "stripe")
  await two.grant("deploy", "stripe")
  expect(await syncAt(one)).toMatchObject({ dropped: [] })
  expect(await syncAt(two)).toMatchObject({ dropped: REVOKED })
  expect(await two.tryRead("deploy", "stripe/api-key")).toBe("NOT_GRANTED")
  await two.grant("deploy", "stripe")
  expect(await two.read("deploy", "stripe/api-key")).toBe(await two.read("ci", "stripe/api-key"))
})

test("so is one that was revoked and granted again, on either side of the merge", async () => {
  await one.revoke("ci", "stripe")
  await two.revoke("ci", "stripe")
  await two.grant("ci", "stripe")
  await syncAt(two)
  const dropped = [{ agent: "ci", group: "stripe", why: "revoked" }]
  expect(await syncAt(one, { dryRun: true })).toMatchObject({ dropped })
  expect(await syncAt(one)).toMatchObject({ dropped })
})

test("and resolve tells of it as well", async () => {
  await one.grant("deploy", "stripe")
  await one.revoke("deploy", "stripe")
  await syncAt(one)
  await two.grant("deploy", "stripe")
  two.git("fetch", "-q")
  await outcome(Promise.resolve().then(() => two.git("merge", "-q", "origin/main")))
  expect(await resolveAt(two, { named: new Map() })).toMatchObject({ dropped: REVOKED })
})

test("a grant to an agent that the other side removed is dropped for good", async () => {
  await removeAgent({ ...(await one.request()), agent: "deploy" })
  await syncAt(one)
  await two.grant("deploy", "stripe")
  expect(await syncAt(two)).toMatchObject({
    dropped: [{ agent: "deploy", group: "stripe", why: "removed" }],
  })
})

test("a revoke that arrives is none", async () => {
  await one.revoke("ci", "stripe")
  await syncAt(one)
  await two.set("stripe/another", "value")
  expect(await syncAt(two)).toMatchObject({ brought: "merge", dropped: [] })
})

// The signed records do not tell that both revokes are one, and access is taken where that is in doubt.
test("a grant that was made again is dropped where another clone merges the same revoke, and told", async () => {
  await one.grant("deploy", "stripe")
  await syncAt(one)
  await syncAt(two)
  await one.revoke("ci", "stripe")
  await two.revoke("deploy", "stripe")
  await syncAt(one)
  await syncAt(two)
  await one.grant("ci", "stripe")
  expect(await syncAt(one)).toMatchObject({
    dropped: [{ agent: "ci", group: "stripe", why: "revoked" }],
  })
})
