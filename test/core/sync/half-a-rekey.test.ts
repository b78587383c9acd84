import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { rekeyAgent, removeOwner } from "../../../src/core/owner.js"
import {
  type AgentRecord,
  type GroupRecord,
  type Unsigned,
  encodeRecord,
  signRecord,
  unsigned,
} from "../../../src/core/records/record.js"
import { type SigningKey, signingKey } from "../../../src/core/records/signature.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { anotherPerson, makeOwner } from "../owners/people.js"
import { mergeAt, syncAt, twoMachines } from "./clones.js"

// An owner gave ci a new key, since the old one is in other hands. Whoever can push brings another
// owner the groups that follow the rekey, and not the record of ci: there it still has the old key.

let template: World
let one: World
let two: World

beforeAll(async () => {
  template = await vaultWorld()
  await template.set("other/key", "first")
})
beforeEach(() => {
  ;[one, two] = twoMachines(template)
})
afterEach(() => [one, two].forEach((world) => world.remove()))
afterAll(() => template.remove())

async function rekeyCi(world: World): Promise<void> {
  await rekeyAgent({ ...(await world.request()), agent: "ci" })
}

/** Pushes what the last commits of `one` did to the vault, but for its agents. */
function pushWithoutAgents(): void {
  one.git("checkout", "-q", "origin/main", "--", ".agent-vault/agents")
  one.git("commit", "-q", "--no-verify", "--amend", "--no-edit")
  one.git("push", "-q", "origin", "main")
}

/** Takes the grants of an agent out of the manifest, on the other machine. */
function takeOut(agent: string): void {
  const path = ".agent-vault/manifest.yaml"
  const lines = readFileSync(join(two.top, path), "utf8").split("\n")
  two.write(path, lines.filter((line) => !line.includes(`agent: ${agent}`)).join("\n"))
}

/** What the old key opens, on the other machine, of a value that is set now. */
async function readByOldKey(): Promise<string> {
  await two.set("stripe/new", "written-since")
  return two.tryRead("ci", "stripe/new")
}

test("apply seals nothing to the old key, and agent rekey is the way out", async () => {
  await rekeyCi(one)
  pushWithoutAgents()
  two.git("pull", "-q", "--ff-only")
  expect(await outcome(two.apply())).toBe("PENDING")
  await rekeyCi(two)
  expect(await readByOldKey()).toBe("NOT_GRANTED")
  expect((await two.apply()).files).toEqual([])
})

test("neither does apply where ci was revoked and granted again besides", async () => {
  await one.revoke("ci", "stripe")
  await rekeyCi(one)
  await one.grant("ci", "stripe")
  one.git("reset", "-q", "--soft", "origin/main")
  one.git("commit", "-q", "--no-verify", "-m", "one commit")
  pushWithoutAgents()
  two.git("pull", "-q", "--ff-only")
  expect(await outcome(two.apply())).toBe("PENDING")
})

test("nor does it where the agent was granted the group in the same commit", async () => {
  await one.grant("deploy", "other")
  await rekeyAgent({ ...(await one.request()), agent: "deploy" })
  one.git("reset", "-q", "--soft", "origin/main")
  one.git("commit", "-q", "--no-verify", "-m", "one commit")
  pushWithoutAgents()
  two.git("pull", "-q", "--ff-only")
  expect(await outcome(two.apply())).toBe("PENDING")
  await rekeyAgent({ ...(await two.request()), agent: "deploy" })
  expect((await two.apply()).files).toEqual([])
})

test("a sync that settles the group seals nothing to it, nor does what follows", async () => {
  await rekeyCi(one)
  pushWithoutAgents()
  await two.grant("deploy", "stripe")
  await two.revoke("deploy", "stripe")
  await syncAt(two)
  expect(await readByOldKey()).toBe("NOT_GRANTED")
  expect(await outcome(two.apply())).toBe("PENDING")
  takeOut("ci")
  await two.apply()
  expect(await outcome(two.grant("ci", "stripe"))).toBe("PENDING")
  await rekeyCi(two)
  await two.grant("ci", "stripe")
  expect(await two.tryRead("ci", "stripe/new")).toBe("NOT_GRANTED")
})

test("a merge after it has come in, which settles something else, seals nothing to it either", async () => {
  await rekeyCi(one)
  pushWithoutAgents()
  two.git("pull", "-q", "--ff-only")
  await one.set("other/key", "of-one")
  one.git("push", "-q", "origin", "main")
  await two.set("other/key", "of-two")
  await mergeAt(two, "ours")
  expect(await readByOldKey()).toBe("NOT_GRANTED")
  expect(await outcome(two.apply())).toBe("PENDING")
})

test("a group of a branch from before a rekey costs the agent no other group in a merge", async () => {
  await two.grant("ci", "other")
  two.git("push", "-q", "origin", "HEAD:refs/heads/grant")
  await rekeyCi(one)
  one.git("fetch", "-q")
  one.git("merge", "-q", "--no-edit", "origin/grant")
  one.git("push", "-q", "origin", "main")
  two.git("pull", "-q", "--ff-only")

  await one.set("stripe/new", "of-one")
  one.git("push", "-q", "origin", "main")
  await two.set("stripe/newer", "of-two")
  const merged = await syncAt(two)
  expect(merged.exposed.map(({ secret }) => secret)).toEqual(["other/key"])
  expect((await two.apply()).result.plan.groups.map(({ group }) => group)).toEqual(["other"])
})

test("nor does a sync where the record of the agent was taken away besides", async () => {
  await rekeyCi(one)
  one.git("rm", "-q", "--cached", ".agent-vault/agents/ci.json", ".agent-vault/agents/ci.age")
  one.git("commit", "-q", "--no-verify", "--amend", "--no-edit")
  one.git("push", "-q", "origin", "main")
  const bob = anotherPerson(one)
  // The record is signed anew, as its escrow is sealed to another owner.
  await makeOwner(two, bob, "bob")
  bob.remove()
  await syncAt(two)
  expect(await readByOldKey()).toBe("NOT_GRANTED")
})

test("where the rekeys of two agents of a group came by half, apply says how to go on", async () => {
  await one.grant("deploy", "stripe")
  one.git("push", "-q", "origin", "main")
  two.git("pull", "-q", "--ff-only")
  await rekeyCi(one)
  await rekeyAgent({ ...(await one.request()), agent: "deploy" })
  one.git("reset", "-q", "--soft", "origin/main")
  one.git("commit", "-q", "--no-verify", "-m", "one commit")
  pushWithoutAgents()
  two.git("pull", "-q", "--ff-only")
  expect(await outcome(rekeyCi(two))).toBe("PENDING")
  for (const agent of ["ci", "deploy"]) {
    const hint = expect.stringContaining(`take the grant of ${agent} to stripe out`) as string
    await expect(two.apply()).rejects.toMatchObject({ code: "PENDING", hint })
    takeOut(agent)
  }
  await two.apply()
  await rekeyCi(two)
  await two.grant("ci", "stripe")
})

test("a key that one of two rekeys gave, and the merge of both chose, is granted what was revoked", async () => {
  await rekeyCi(one)
  await two.revoke("ci", "stripe")
  await two.grant("ci", "stripe")
  await rekeyCi(two)
  two.git("push", "-q", "origin", "main")
  await mergeAt(one, "ours")
  await one.revoke("ci", "stripe")
  await one.grant("ci", "stripe")
  expect((await one.apply()).files).toEqual([])
})

/** Has bob be an owner for a while, on both machines; resolves to what signs as he did. */
async function removedOwner(): Promise<SigningKey> {
  const bob = anotherPerson(one)
  await makeOwner(one, bob, "bob")
  const key = signingKey((await bob.request()).identity.identity)
  await removeOwner({ ...(await one.request()), owner: "bob" })
  bob.remove()
  one.git("push", "-q", "origin", "main")
  two.git("pull", "-q", "--ff-only")
  return key
}

/** Has a commit of `one` bring a forged record, and another one put back what was there. */
function forge(forged: AgentRecord | GroupRecord): void {
  const path = `.agent-vault/${forged.path}`
  const genuine = readFileSync(join(one.top, path), "utf8")
  for (const text of [Buffer.from(encodeRecord(forged)).toString("utf8"), genuine]) {
    one.write(path, text)
    one.git("commit", "-q", "--no-verify", "-m", "by whoever can push", "--", path)
  }
}

test("a removed owner proves by no record that the new key had come before the old one", async () => {
  const bobs = await removedOwner()
  await rekeyCi(one)
  const record = recordAt<AgentRecord>("agents/ci.json")
  pushWithoutAgents()
  forge(signRecord<AgentRecord>({ ...record, serial: 1 }, bobs))
  one.git("push", "-q", "origin", "main")
  two.git("pull", "-q", "--ff-only")
  expect(await outcome(two.apply())).toBe("PENDING")
  await rekeyCi(two)
  expect(await readByOldKey()).toBe("NOT_GRANTED")
})

test("nor that the group had the old key after it", async () => {
  const bobs = await removedOwner()
  const before = recordAt<GroupRecord>("groups/stripe.json")
  forge(signRecord<GroupRecord>({ ...before, epoch: 99 }, bobs))
  one.git("push", "-q", "origin", "main")
  await rekeyCi(one)
  await one.grant("deploy", "stripe")
  const granted = one.git("rev-parse", "HEAD^{tree}")
  await one.revoke("ci", "stripe")
  const revoked = one.git("rev-parse", "HEAD^{tree}")
  one.git("reset", "-q", "--hard", "origin/main")
  for (const tree of [granted, revoked]) {
    one.git("read-tree", "-u", "--reset", tree)
    one.git("commit", "-q", "--no-verify", "-m", "without the agents")
    pushWithoutAgents()
  }
  two.git("pull", "-q", "--ff-only")
  expect(await outcome(two.grant("ci", "stripe"))).toBe("PENDING")
  await rekeyCi(two)
  await two.grant("ci", "stripe")
  expect(await readByOldKey()).toBe("NOT_GRANTED")
})

/** What a record of `one` says. */
function recordAt<R extends AgentRecord | GroupRecord>(path: string): Unsigned<R> {
  return unsigned(JSON.parse(readFileSync(join(one.top, ".agent-vault", path), "utf8")) as R)
}
