import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { findVault } from "../../../src/core/disk/place.js"
import { addAgent, rekeyAgent, removeOwner, trustOwner } from "../../../src/core/owner.js"
import {
  type AgentRecord,
  encodeRecord,
  signRecord,
  unsigned,
} from "../../../src/core/records/record.js"
import { signingKey } from "../../../src/core/records/signature.js"
import { NO_CHOICES } from "../../../src/core/merge/merge-vault.js"
import { resolveAt, syncAt, twoMachines } from "../sync/clones.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { anotherPerson, findingsAt, makeOwner, nobody, readAs, recordOf } from "./people.js"

let template: World
/** Alice, and bob and carol whom she made owners, each with a clone and a home. */
let alice: World
/** Another machine of alice's. */
let elsewhere: World
let bob: World
let carol: World
const worlds: World[] = []

beforeAll(async () => {
  template = await vaultWorld()
})
beforeEach(async () => {
  const machines = twoMachines(template)
  ;[alice, elsewhere] = machines
  bob = anotherPerson(alice)
  carol = anotherPerson(alice)
  worlds.push(...machines, bob, carol)
  await makeOwner(alice, bob, "bob")
  await makeOwner(alice, carol, "carol")
  for (const world of [alice, bob, carol]) await syncAt(world)
})
afterEach(() => worlds.splice(0).forEach((world) => world.remove()))
afterAll(() => template.remove())

async function remove(by: World, owner: string) {
  return removeOwner({ ...(await by.request()), owner })
}

function trust(world: World, signer = ""): Promise<unknown> {
  return trustOwner(findVault(world.top), signer, world.env, nobody)
}

/** Has bob, from the state before his removal, push before alice does, and alice sync. */
async function syncOver(change: () => Promise<unknown>): Promise<void> {
  await change()
  await syncAt(bob)
  const { commit } = await remove(alice, "bob")
  await expect(syncAt(alice)).rejects.toMatchObject({
    code: "SIGNATURE_INVALID",
    message: expect.stringContaining("is signed by bob, who was removed as an owner") as string,
  })
  expect(alice.git("rev-parse", "HEAD")).toBe(commit)
}

test("nobody signs a value for a removed owner, which both sides sealed anew", () =>
  syncOver(() => bob.set("stripe/api-key", "a-fake-forged-value")))

test("nobody signs a grant for a removed owner, in a group that has another key", () =>
  syncOver(() => bob.grant("deploy", "stripe")))

test("what others did before the first owner left comes in, and the vault goes on", async () => {
  const bobs = recordOf(bob).owners.find(({ name }) => name === "bob")?.signer
  await carol.set("stripe/by-carol", "a-fake-value-by-carol")
  await carol.set("stripe/api-key", "a-fake-new-value-by-carol")
  await syncAt(carol)
  await remove(bob, "alice")
  await trust(bob, bobs)
  expect((await syncAt(bob)).brought).toBe("merge")
  expect(await findingsAt(bob)).toEqual([])
  expect(await readAs(bob, "stripe/api-key")).toBe("a-fake-new-value-by-carol")

  // Carol has something of her own meanwhile, and trusts bob only now.
  await carol.set("stripe/later", "a-fake-later-value")
  expect(await outcome(syncAt(carol))).toBe("UNTRUSTED")
  await trust(carol, bobs)
  expect((await syncAt(carol)).brought).toBe("merge")
  expect(await findingsAt(carol)).toEqual([])
  expect(await readAs(carol, "stripe/later")).toBe("a-fake-later-value")
  expect(await readAs(carol, "stripe/by-carol")).toBe("a-fake-value-by-carol")
})

test("a removed first owner brings nothing in on top of their removal", async () => {
  const bobs = recordOf(bob).owners.find(({ name }) => name === "bob")?.signer
  await remove(bob, "alice")
  await trust(bob, bobs)
  await syncAt(bob)
  const before = bob.git("rev-parse", "HEAD")
  // A commit that follows the removal, with the vault as alice had it.
  alice.git("fetch", "-q", "origin")
  await alice.set("stripe/api-key", "a-fake-forged-value")
  const tree = alice.git("rev-parse", "HEAD^{tree}")
  const forged = alice.git("commit-tree", "-p", "origin/main", "-m", "as before", tree)
  alice.git("push", "-q", "origin", `${forged}:main`)
  expect(await outcome(syncAt(bob))).toBe("UNTRUSTED")
  await bob.set("stripe/other", "a-fake-value")
  expect(await outcome(syncAt(bob))).toBe("UNTRUSTED")
  expect(bob.git("rev-parse", "HEAD~1")).toBe(before)
})

test("who brings the groups of a removal, and not vault.json, has nothing sealed to them again", async () => {
  await remove(alice, "bob")
  alice.git("checkout", "-q", "HEAD~1", "--", ".agent-vault/vault.json")
  alice.git("commit", "-q", "--no-verify", "--amend", "--no-edit")
  alice.git("push", "-q", "origin", "main")

  await carol.set("stripe/later", "a-fake-later-value")
  expect(await outcome(syncAt(carol))).toBe("ROLLED_BACK")
  carol.git("reset", "-q", "--hard", "origin/main")
  expect(await findingsAt(carol)).toEqual(["ROLLED_BACK vault.json"])
  expect(await outcome(carol.apply())).toBe("ROLLED_BACK")
  expect(await outcome(carol.set("stripe/later", "a-fake-later-value"))).toBe("ROLLED_BACK")
})

/**
 * Has alice's last commits be one, of which only the agents are left, with records as they were before
 * format 10: they do not say who had been removed.
 */
async function publishAgentsAlone(commits: number): Promise<void> {
  alice.git("reset", "-q", "--soft", `HEAD~${commits}`)
  for (const path of ["vault.json", "manifest.yaml", "groups", "secrets"]) {
    alice.git("checkout", "-q", "HEAD", "--", `.agent-vault/${path}`)
  }
  const key = signingKey((await alice.request()).identity.identity)
  for (const path of alice.git("ls-files", "--", ".agent-vault/agents/*.json").split("\n")) {
    const { removedOwners: _, ...body } = unsigned(
      JSON.parse(alice.git("show", `:${path}`)) as AgentRecord,
    )
    writeFileSync(join(alice.top, path), encodeRecord(signRecord(body, key)))
    alice.git("add", "--", path)
  }
  alice.git("commit", "-q", "--no-verify", "-m", "agents alone")
  alice.git("push", "-q", "origin", "main")
}

test("who brings the agents of a removal alone has no key of them sealed to them again", async () => {
  await remove(alice, "bob")
  await publishAgentsAlone(1)
  const escrow = alice.git("rev-parse", "HEAD:.agent-vault/agents/ci.age")

  await carol.set("stripe/later", "a-fake-later-value")
  await syncAt(carol)
  expect(carol.git("rev-parse", "HEAD:.agent-vault/agents/ci.age")).toBe(escrow)
  expect(await outcome(carol.apply())).toBe("PENDING")
  // Were it no removal, a key that everybody knows is the way on.
  for (const agent of ["ci", "deploy"]) await rekeyAgent({ ...(await carol.request()), agent })
  await carol.apply()
  expect(await findingsAt(carol)).toEqual([])
})

test("nor has who brings an agent alone that was added after it", async () => {
  await remove(alice, "bob")
  await alice.addAgent("robot")
  alice.git("checkout", "-q", "HEAD~2", "--", ".agent-vault/agents")
  await publishAgentsAlone(2)
  const escrow = alice.git("rev-parse", "HEAD:.agent-vault/agents/robot.age")

  await carol.set("stripe/later", "a-fake-later-value")
  await syncAt(carol)
  expect(carol.git("rev-parse", "HEAD:.agent-vault/agents/robot.age")).toBe(escrow)
  await expect(carol.apply()).rejects.toMatchObject({
    code: "PENDING",
    message: "the key of robot was made without the owner bob",
  })
})

test("nor where a removed owner signs that the agent had that key from the beginning", async () => {
  const bobs = signingKey((await bob.request()).identity.identity)
  await remove(alice, "bob")
  await alice.addAgent("robot")
  await syncAt(alice)
  await syncAt(elsewhere)
  await remove(alice, "carol")
  for (const agent of ["ci", "deploy"]) {
    alice.git("checkout", "-q", "HEAD~1", "--", `.agent-vault/agents/${agent}.*`)
  }
  await publishAgentsAlone(1)
  const path = join(alice.top, ".agent-vault/agents/robot.json")
  const made = readFileSync(path)
  const body = unsigned(JSON.parse(made.toString("utf8")) as AgentRecord)
  for (const record of [encodeRecord(signRecord({ ...body, serial: 1 }, bobs)), made]) {
    writeFileSync(path, record)
    alice.git("commit", "-q", "--no-verify", "-m", "by whoever can push", "--", path)
  }
  alice.git("push", "-q", "origin", "main")
  elsewhere.git("pull", "-q", "--ff-only")
  await expect(elsewhere.apply()).rejects.toMatchObject({
    code: "PENDING",
    message: "the key of robot was made without the owner carol",
  })
})

test("a key that was made for an agent while an owner came is sealed to them by apply", async () => {
  await rekeyAgent({ ...(await alice.request()), agent: "ci" })
  await syncAt(alice)
  const dave = anotherPerson(alice)
  worlds.push(dave)
  await makeOwner(carol, dave, "dave")
  await syncAt(carol)
  await carol.apply()
  expect(await findingsAt(carol)).toEqual([])
})

test.each([
  ["the agents of a removal", () => Promise.resolve(), ["agents"]],
  [
    "an agent that came after all the others",
    () => alice.addAgent("robot"),
    ["agents/robot.json", "agents/robot.age"],
  ],
  [
    "a group that did",
    () => alice.set("payments/key", "a-fake-payments-key"),
    ["manifest.yaml", "groups/payments.json", "groups/payments.age", "secrets/payments"],
  ],
])(
  "a sync by the vault.json of before a removal is refused where %s came in alone",
  async (_what, add, paths) => {
    await remove(alice, "carol")
    await add()
    const files = paths.map((path) => `.agent-vault/${path}`)
    const made = alice.git("rev-parse", "HEAD")
    alice.git("reset", "-q", "--hard", "origin/main")
    alice.git("checkout", "-q", made, "--", ...files)
    alice.git("commit", "-q", "--no-verify", "-m", "one of them alone")
    alice.git("push", "-q", "origin", "main")

    await bob.set("stripe/later", "a-fake-later-value")
    expect(await outcome(syncAt(bob))).toBe("ROLLED_BACK")
    bob.git("reset", "-q", "--hard", "origin/main")
    expect(await findingsAt(bob)).toEqual(["ROLLED_BACK vault.json"])
    expect(await outcome(bob.apply())).toBe("ROLLED_BACK")
    expect(await outcome(bob.addAgent("another"))).toBe("ROLLED_BACK")
  },
)

/** What alice has when git has merged what carol made and wished before she knew that bob was removed. */
async function mergeNewAgent(...wished: readonly string[]): Promise<void> {
  await addAgent({ ...(await carol.request()), agent: "late" })
  await carol.set("fresh/one", "a-fake-value")
  await carol.grant("late", "fresh")
  const manifest = readFileSync(join(carol.top, MANIFEST_PATH), "utf8")
  carol.write(MANIFEST_PATH, [manifest.trimEnd(), ...wished, ""].join("\n"))
  carol.git("commit", "-qam", "wished")
  carol.git("push", "-q", "origin", "main")
  await remove(alice, "bob")
  alice.git("pull", "-q", "--no-rebase", "--no-edit", "origin", "main")
}

const MANIFEST_PATH = ".agent-vault/manifest.yaml"
const LATE_TO_STRIPE = "  - { agent: late, group: stripe }"

test("an agent whose key bob knows, and who is to gain a group, gets a new key before apply", async () => {
  await mergeNewAgent(LATE_TO_STRIPE)
  const hint = "give it a new one: agent-vault agent rekey late"
  await expect(alice.apply()).rejects.toMatchObject({ code: "PENDING", hint })
  const { result } = await rekeyAgent({ ...(await alice.request()), agent: "late" })
  // The group gets a new key at that, which closes it to bob as well.
  expect(result.plan.groups).toMatchObject([{ group: "fresh", formerOwners: [{ name: "bob" }] }])
  await alice.apply()
  expect(await findingsAt(alice)).toEqual([])
  expect((await alice.apply()).files).toEqual([])
})

test("where its own group has more to wait for, apply says how to go on", async () => {
  await mergeNewAgent(LATE_TO_STRIPE, "  - { agent: ci, group: fresh }")
  expect(await outcome(rekeyAgent({ ...(await alice.request()), agent: "late" }))).toBe("PENDING")
  await expect(alice.apply()).rejects.toMatchObject({
    code: "PENDING",
    hint: "take the grant of late to stripe out of manifest.yaml, then agent-vault apply; then agent-vault agent rekey late, and agent-vault grant late stripe",
  })
  const manifest = readFileSync(join(alice.top, MANIFEST_PATH), "utf8")
  alice.write(MANIFEST_PATH, manifest.replace(`${LATE_TO_STRIPE}\n`, ""))
  await alice.apply()
  await rekeyAgent({ ...(await alice.request()), agent: "late" })
  await alice.grant("late", "stripe")
  expect(await findingsAt(alice)).toEqual([])
})

test("where both sides changed the owners, what git left is taken back: nothing settles it", async () => {
  await remove(alice, "bob")
  await syncAt(alice)
  await remove(carol, "bob")
  expect(() => carol.git("pull", "-q", "--no-rebase", "origin", "main")).toThrow("Command failed")
  const hint = expect.stringContaining("no command settles that: git merge --abort") as string
  await expect(readAs(carol, "stripe/api-key")).rejects.toMatchObject({
    code: "RECORD_INVALID",
    hint,
  })
  expect(await outcome(resolveAt(carol, NO_CHOICES))).toBe("CONFLICT")
  carol.git("merge", "--abort")
  await expect(syncAt(carol)).rejects.toMatchObject({ code: "CONFLICT" })
})

test("a removed owner who set a value offline takes it back, syncs, and learns what they are", async () => {
  await bob.set("stripe/offline", "a-fake-value-by-bob")
  await remove(alice, "bob")
  await syncAt(alice)
  await expect(syncAt(bob)).rejects.toMatchObject({
    code: "SIGNATURE_INVALID",
    hint: expect.stringContaining("git revert COMMIT") as string,
  })
  bob.git("revert", "--no-edit", "HEAD")
  for (const world of [bob, alice]) await syncAt(world)
  expect(await findingsAt(alice)).toEqual([])
  await expect(readAs(bob, "stripe/api-key")).rejects.toMatchObject({
    code: "NOT_GRANTED",
    hint: expect.stringContaining("agent-vault join NAME --owner") as string,
  })
})
