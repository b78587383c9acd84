import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { describeOwners } from "../../../src/core/vault/owner-listing.js"
import { identityAt, withVault } from "../../../src/core/index.js"
import { addAgent, grant, recoverAgent, renewGroupKey } from "../../../src/core/owner.js"
import { openPastKeys } from "../../../src/core/vault/group-key.js"
import { getGroup } from "../../../src/core/vault/vault.js"
import { findVault } from "../../../src/core/disk/place.js"
import { syncAt, twoMachines } from "../sync/clones.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { anotherPerson, findingsAt, lineOf, makeOwner, nobody, readAs, recordOf } from "./people.js"

let template: World
/** Alice's two machines, and the machine of another person. */
let alice: World
let elsewhere: World
let bob: World
const worlds: World[] = []

beforeAll(async () => {
  template = await vaultWorld()
  // A group that has earlier keys.
  await template.grant("deploy", "stripe")
  await template.revoke("deploy", "stripe")
})
beforeEach(() => {
  ;[alice, elsewhere] = twoMachines(template)
  bob = newPerson()
  worlds.push(alice, elsewhere)
})
afterEach(() => worlds.splice(0).forEach((world) => world.remove()))
afterAll(() => template.remove())

/** A person with a home of their own, who goes when the test ends. */
function newPerson(): World {
  const person = anotherPerson(alice)
  worlds.push(person)
  return person
}

/** Alice adds bob, and both have it. */
async function withBob(): Promise<void> {
  await makeOwner(alice, bob, "bob")
  await syncAt(alice)
  await syncAt(bob)
}

describe("a second owner", () => {
  test("opens every group, its earlier keys and every escrow, after one commit", async () => {
    const before = alice.git("rev-parse", "HEAD")
    const { result, commit } = await makeOwner(alice, bob, "bob")
    expect(alice.git("rev-parse", "HEAD^")).toBe(before)
    expect(alice.git("rev-parse", "HEAD")).toBe(commit)
    expect(result.groups).toContain("stripe")
    expect(result.escrows).toEqual(["ci", "deploy"])
    await syncAt(alice)
    expect(await outcome(readAs(bob, "stripe/api-key"))).toBe("NOT_GRANTED")
    await syncAt(bob)
    expect(await readAs(bob, "stripe/api-key")).toBe(await readAs(alice, "stripe/api-key"))
    expect(await findingsAt(bob)).toEqual([])
    expect(await findingsAt(alice)).toEqual([])
    const key = await identityAt(findVault(bob.top), { owner: true }, "never", bob.env, nobody)
    const past = await withVault(findVault(bob.top), key.trust, bob.env, (vault) =>
      openPastKeys(vault, "stripe", getGroup(vault, "stripe"), [key.identity]),
    )
    expect(past.length).toBeGreaterThan(0)
  })

  test("does all that an owner does, and agents trust what they sign", async () => {
    await withBob()
    await bob.set("new/token", "a-fake-value-by-bob")
    await bob.grant("ci", "new")
    await bob.revoke("ci", "stripe")
    await renewGroupKey({ ...(await bob.request()), group: "new" })
    await addAgent({ ...(await bob.request()), agent: "robot" })
    const owner = await identityAt(findVault(bob.top), { owner: true }, "never", bob.env, nobody)
    const recovered = await withVault(findVault(bob.top), owner.trust, bob.env, (vault) =>
      recoverAgent(vault, "deploy", owner),
    )
    expect(recovered.agent).toBe("deploy")
    const carol = newPerson()
    await makeOwner(bob, carol, "carol")
    await syncAt(bob)
    await syncAt(alice)
    await syncAt(carol)
    expect(recordOf(alice).owners.map(({ name }) => name)).toEqual(["alice", "bob", "carol"])
    expect(await alice.read("ci", "new/token")).toBe("a-fake-value-by-bob")
    expect(await alice.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
    expect(await readAs(carol, "new/token")).toBe("a-fake-value-by-bob")
    for (const world of [alice, bob, carol]) expect(await findingsAt(world)).toEqual([])
  })

  test("is listed with who added them, and which one is you", async () => {
    await withBob()
    const place = findVault(bob.top)
    const owners = await withVault(place, undefined, bob.env, (vault) =>
      describeOwners(vault, undefined, bob.env),
    )
    expect(owners).toMatchObject([
      { name: "alice", since: 1, isYou: false },
      { name: "bob", since: 2, by: "alice", isYou: true },
    ])
  })

  test("takes the grants away that ran out, before anything is sealed anew", async () => {
    const ended = { agent: "deploy", groups: ["stripe"], until: "2026-01-02T00:00:00Z" }
    await grant({ ...(await alice.request()), ...ended, now: new Date("2026-01-01T00:00:00Z") })
    const { result } = await makeOwner(alice, bob, "bob")
    expect(result.exposed.map(({ secret }) => secret)).toContain("stripe/api-key")
    expect(await findingsAt(alice)).toEqual([])
  })

  test("of a dry run is planned, and nothing is written", async () => {
    const before = [alice.git("rev-parse", "HEAD"), alice.git("status", "--porcelain")]
    const { result, commit } = await makeOwner(alice, bob, "bob", true)
    expect([result.owner, result.groups.includes("stripe"), commit]).toEqual([
      "bob",
      true,
      undefined,
    ])
    expect([alice.git("rev-parse", "HEAD"), alice.git("status", "--porcelain")]).toEqual(before)
  })
})

describe("is refused", () => {
  test("with a key or a name that is somebody's already", async () => {
    await withBob()
    await expect(lineOf(bob, "robert")).rejects.toMatchObject({ code: "EXISTS" })
    const carol = newPerson()
    await expect(makeOwner(alice, carol, "BOB")).rejects.toMatchObject({
      code: "EXISTS",
      message: "there is an owner bob already",
    })
  })

  test("while other changes of the manifest are pending", async () => {
    const path = ".agent-vault/manifest.yaml"
    const text = alice.bytes("show", `HEAD:${path}`).toString("utf8")
    alice.commit(path, text.replace("groups:", "groups:\n  pending: {}"))
    expect(await outcome(makeOwner(alice, bob, "bob"))).toBe("PENDING")
  })
})

test("two who are added on two branches at once are a conflict, with the way back", async () => {
  await makeOwner(alice, bob, "bob")
  await syncAt(alice)
  const carol = newPerson()
  await makeOwner(elsewhere, carol, "carol")
  await expect(syncAt(elsewhere)).rejects.toMatchObject({
    code: "CONFLICT",
    hint: expect.stringContaining("git fetch origin && git reset --hard origin/main") as string,
  })
  elsewhere.git("fetch", "-q", "origin")
  elsewhere.git("reset", "-q", "--hard", "origin/main")
  await makeOwner(elsewhere, carol, "carol")
  await syncAt(elsewhere)
  await syncAt(carol)
  expect(recordOf(carol).owners.map(({ name }) => name)).toEqual(["alice", "bob", "carol"])
})

test("who gives up an owner of theirs goes on with all that others added meanwhile", async () => {
  for (const name of ["bob", "dave"]) await makeOwner(alice, newPerson(), name)
  await syncAt(alice)
  const carol = newPerson()
  await makeOwner(elsewhere, carol, "carol")
  expect(await outcome(syncAt(elsewhere))).toBe("CONFLICT")
  elsewhere.git("fetch", "-q", "origin")
  elsewhere.git("reset", "-q", "--hard", "origin/main")
  await makeOwner(elsewhere, carol, "carol")
  await syncAt(elsewhere)
  expect(recordOf(elsewhere).owners.map(({ name }) => name)).toEqual([
    "alice",
    "bob",
    "dave",
    "carol",
  ])
})

describe("what was sealed on a branch that did not know of them", () => {
  test("is told by check, locks nobody out, and is theirs after apply", async () => {
    await makeOwner(alice, bob, "bob")
    await syncAt(alice)
    await elsewhere.set("late/token", "a-fake-late-value")
    await addAgent({ ...(await elsewhere.request()), agent: "late-agent" })
    // As a host merges, which knows no key.
    elsewhere.git("fetch", "-q", "origin")
    elsewhere.git("merge", "-q", "--no-edit", "origin/main")
    elsewhere.git("push", "-q", "origin", "main")
    await syncAt(bob)
    expect(await outcome(readAs(bob, "late/token"))).toBe("NOT_A_READER")
    const told = await findingsAt(elsewhere)
    expect(told).toEqual(["PENDING late", "PENDING late-agent"])
    // Bob governs the rest meanwhile, and is told whom to ask.
    await bob.set("stripe/by-bob", "a-fake-value")
    await bob.set("late/by-bob", "a-fake-value")
    await bob.grant("deploy", "stripe")
    await expect(bob.apply()).rejects.toMatchObject({
      code: "NOT_A_READER",
      hint: expect.stringContaining("alice") as string,
    })
    await syncAt(bob)
    await syncAt(elsewhere)
    await elsewhere.apply()
    await syncAt(elsewhere)
    await syncAt(bob)
    expect(await readAs(bob, "late/token")).toBe("a-fake-late-value")
    expect(await findingsAt(bob)).toEqual([])
    expect(await bob.apply().then(({ commit }) => commit)).toBeUndefined()
  })

  test("is merged once one who opens it applied, and sync says who", async () => {
    await makeOwner(alice, bob, "bob")
    await syncAt(alice)
    await syncAt(bob)
    // Both make a group, and alice's other machine does not know of bob yet.
    await bob.set("late/by-bob", "a-fake-value")
    await elsewhere.set("late/token", "a-fake-late-value")
    elsewhere.git("fetch", "-q", "origin")
    elsewhere.git("merge", "-q", "--no-edit", "origin/main")
    elsewhere.git("push", "-q", "origin", "main")
    await expect(syncAt(bob)).rejects.toMatchObject({
      code: "NOT_A_READER",
      hint: expect.stringContaining("(alice) types: agent-vault apply") as string,
    })
    await elsewhere.apply()
    await syncAt(elsewhere)
    await syncAt(bob)
    expect(await findingsAt(bob)).toEqual([])
    expect(await readAs(bob, "late/token")).toBe("a-fake-late-value")
    expect(await readAs(bob, "late/by-bob")).toBe("a-fake-value")
  })

  test("is theirs at once where an owner settles what both sides changed", async () => {
    await makeOwner(alice, bob, "bob")
    await syncAt(alice)
    // Further than the other side: its keys, which bob cannot open, win.
    await elsewhere.grant("deploy", "stripe")
    await elsewhere.revoke("deploy", "stripe")
    await elsewhere.grant("deploy", "stripe")
    await syncAt(elsewhere)
    await syncAt(bob)
    expect(await findingsAt(bob)).toEqual([])
    expect(await readAs(bob, "stripe/api-key")).toBe(await readAs(alice, "stripe/api-key"))
    await syncAt(alice)
    expect(await alice.read("ci", "stripe/api-key")).toBe(await readAs(bob, "stripe/api-key"))
  })
})
