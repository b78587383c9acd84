import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type InspectRequest, inspect } from "../../../src/core/check/inspect.js"
import { claimedId, findVault, rewind } from "../../../src/core/index.js"
import { removeGroup, revoke } from "../../../src/core/owner.js"
import type { GroupRecord } from "../../../src/core/records/record.js"
import { pull } from "../../../src/core/sync/pull.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { syncAt, twoMachines } from "./clones.js"

// An owner revoked ci on main. On another branch, from before, the owner rekeyed the group more often,
// and ci stayed: that record is genuine, and has come further. Whoever can push can bring it to main.

let template: World
/** It, with the branch, as its owner left it. */
let branched: World
/** The machine of the branch; then the one of main, whose owner never saw the branch. */
let one: World
let two: World

beforeAll(async () => {
  template = await vaultWorld()
  await template.addAgent("third")
  branched = template.copy()
  branched.git("switch", "-q", "-c", "side")
  await rekeyTwice(branched, "deploy")
  branched.git("switch", "-q", "main")
})
beforeEach(async () => {
  ;[one, two] = twoMachines(branched, template)
  one.git("switch", "-q", "side")
  await revokeLater(two, "ci")
  await syncAt(two)
  expect(await two.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
})
afterEach(() => [one, two].forEach((world) => world.remove()))
afterAll(() => [template, branched].forEach((world) => world.remove()))

/** Lets an agent in and out of stripe, twice: two rekeys. */
async function rekeyTwice(world: World, agent: string): Promise<void> {
  for (let count = 0; count < 2; count++) {
    await world.grant(agent, "stripe")
    await world.revoke(agent, "stripe")
  }
}

/** Revokes stripe in a later second than any grant until now. */
function revokeLater(world: World, agent: string): Promise<void> {
  return revokeAt(world, agent, new Date(Date.now() + 60_000))
}

async function revokeAt(world: World, agent: string, now: Date): Promise<void> {
  await revoke({ ...(await world.request()), agent, groups: ["stripe"], now })
}

/** A machine that has seen no vault yet, but for whom it trusts. */
function forget({ folder, top }: World): void {
  rmSync(join(folder, "agent-vault", claimedId(findVault(top)), "marks"), { recursive: true })
}

/** Pushes a commit that has a branch's vault, as whoever holds no key can. Returns it. */
function attack(parents: readonly string[], branch = "side"): string {
  one.git("fetch", "-q", "origin")
  const from = parents.flatMap((parent) => ["-p", parent])
  const commit = one.git("commit-tree", `origin/${branch}^{tree}`, ...from, "-m", "a merge")
  one.git("push", "-q", "origin", `${commit}:refs/heads/main`)
  return commit
}

const WAYS = {
  "a merge of both": ["origin/main", "origin/side"],
  "a commit that tells nothing of the other branch": ["origin/main"],
}

/** Follows the remote as plain git does, which looks at no record. */
function follow(world: World): string {
  const before = world.git("rev-parse", "HEAD")
  world.git("pull", "-q", "--ff-only")
  return before
}

/** What `check` refuses on a machine that remembers nothing. */
async function refusedBy(world: World, options: Partial<InspectRequest>): Promise<unknown[]> {
  const place = findVault(world.top)
  const env = { ...world.env, XDG_STATE_HOME: `${world.folder}/elsewhere` }
  const { findings } = await inspect({ place, env, now: new Date(), ...options })
  return findings.filter(({ severity }) => severity === "refused")
}

const LETS_IN: unknown = expect.stringMatching(/^lets ci in again by an earlier grant, though /)
const HINT: unknown = expect.stringContaining("agent-vault revoke ci stripe")
const REFUSED = [
  {
    severity: "refused",
    code: "ROLLED_BACK",
    subject: "groups/stripe.json",
    message: LETS_IN,
    hint: HINT,
  },
]

describe.each(Object.entries(WAYS))("brought to main by %s", (_way, parents) => {
  test("the record comes in neither by pull nor by sync", async () => {
    const before = two.git("rev-parse", "HEAD")
    attack(parents)
    expect(await outcome(pull(findVault(two.top), undefined, two.env))).toBe("ROLLED_BACK")
    expect(await outcome(syncAt(two))).toBe("ROLLED_BACK")
    two.commit("of-its-own.txt")
    expect(await outcome(syncAt(two))).toBe("ROLLED_BACK")
    expect(two.git("rev-parse", "HEAD~1")).toBe(before)
  })

  test("a clone from before the revoke takes it neither", async () => {
    attack(parents)
    one.git("switch", "-q", "main")
    // What this user saw on the branch is not to be what refuses.
    forget(one)
    expect(await outcome(pull(findVault(one.top), undefined, one.env))).toBe("ROLLED_BACK")
    expect(await outcome(syncAt(one))).toBe("ROLLED_BACK")
  })

  test("who has read the revoke reads and writes nothing by it", async () => {
    attack(parents)
    follow(two)
    expect(await two.tryRead("ci", "stripe/api-key")).toBe("ROLLED_BACK")
    expect(await outcome(two.set("stripe/api-key", "new"))).toBe("ROLLED_BACK")
    expect(await outcome(two.set("stripe/other", "new"))).toBe("ROLLED_BACK")
  })

  test("check says so from the commits alone, until an owner revokes anew", async () => {
    attack(parents)
    const before = follow(two)
    expect(await refusedBy(two, { history: true })).toEqual(REFUSED)
    expect(await refusedBy(two, { against: before })).toEqual(REFUSED)
    rewind(findVault(two.top), undefined, two.env, "confirmed")
    await revokeLater(two, "ci")
    expect(await refusedBy(two, { history: true, against: before })).toEqual([])
    await syncAt(two)
    await two.grant("ci", "stripe")
    expect(await refusedBy(two, { history: true, against: before })).toEqual([])
  })
})

test.each([
  ["in the very second of the grant", 0],
  ["by a clock that is an hour behind", 3600],
])("a revoke %s is not undone either", async (_when, behind) => {
  await two.grant("deploy", "stripe")
  await syncAt(two)
  one.git("switch", "-q", "main")
  forget(one)
  await syncAt(one)
  one.git("switch", "-q", "-c", "later")
  await rekeyTwice(one, "third")
  one.git("push", "-q", "origin", "later")
  const record = readFileSync(join(one.top, ".agent-vault/groups/stripe.json"), "utf8")
  const { members } = JSON.parse(record) as GroupRecord
  const since = members.find(({ agent }) => agent === "deploy")?.since ?? ""
  await revokeAt(two, "deploy", new Date(Date.parse(since) - behind * 1000))
  await syncAt(two)
  expect(await two.tryRead("deploy", "stripe/api-key")).toBe("NOT_GRANTED")
  attack(["origin/main"], "later")
  expect(await outcome(syncAt(two))).toBe("ROLLED_BACK")
  follow(two)
  expect(await two.tryRead("deploy", "stripe/api-key")).toBe("ROLLED_BACK")
})

test("a grant after a revoke undoes none, however often, by a clock that is behind", async () => {
  // The first revoke is a minute ahead of this clock.
  const before = two.git("rev-parse", "HEAD")
  for (let count = 0; count < 2; count++) {
    await two.grant("ci", "stripe")
    expect(await two.read("ci", "stripe/api-key")).toBe("old")
    expect(await refusedBy(two, { history: true, against: before })).toEqual([])
    await two.revoke("ci", "stripe")
  }
  await two.grant("ci", "stripe")
  await syncAt(two)
})

test("nor does a grant of a group that was removed and made again since", async () => {
  const before = two.git("rev-parse", "HEAD")
  for (let count = 0; count < 2; count++) {
    await removeGroup({ ...(await two.request()), group: "stripe", withSecrets: true })
    await two.set("stripe/api-key", "new")
    await two.grant("ci", "stripe")
    expect(await two.read("ci", "stripe/api-key")).toBe("new")
    expect(await refusedBy(two, { history: true, against: before })).toEqual([])
  }
  await syncAt(two)
})

test("nor does one after a merge of the revoke", async () => {
  one.git("switch", "-q", "main")
  one.git("merge", "-q", "--ff-only", "side")
  await syncAt(one)
  expect(await one.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
  await one.grant("ci", "stripe")
  expect(await refusedBy(one, { history: true })).toEqual([])
  await syncAt(one)
  await syncAt(two)
  expect(await two.read("ci", "stripe/api-key")).toBe("old")
})

test("whom one side revoked and granted again stays in a merge, and seems let in by nobody", async () => {
  const before = two.git("rev-parse", "HEAD")
  await two.grant("ci", "stripe")
  await syncAt(two)
  one.git("switch", "-q", "main")
  one.git("merge", "-q", "--ff-only", "side")
  await syncAt(one)
  expect(await one.read("ci", "stripe/api-key")).toBe("old")
  expect(await refusedBy(one, { history: true, against: before })).toEqual([])
  await syncAt(two)
  expect(await two.read("ci", "stripe/api-key")).toBe("old")
})

test("a revoke that never left its clone may be undone, whatever came further meanwhile", async () => {
  await two.grant("deploy", "stripe")
  await syncAt(two)
  await revokeLater(two, "deploy")
  expect(await two.tryRead("deploy", "stripe/api-key")).toBe("NOT_GRANTED")
  one.git("switch", "-q", "main")
  forget(one)
  await syncAt(one)
  await rekeyTwice(one, "third")
  await syncAt(one)
  two.git("fetch", "-q")
  two.git("reset", "-q", "--hard", "origin/main")
  expect(await two.read("deploy", "stripe/api-key")).toBe("old")
  await two.set("stripe/api-key", "new")
  expect(await two.read("deploy", "stripe/api-key")).toBe("new")
})
