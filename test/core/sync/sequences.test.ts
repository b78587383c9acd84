import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { unseal } from "../../../src/core/age/age.js"
import { rekeyAgent, removeAgent } from "../../../src/core/change/agents.js"
import { changeMetadata } from "../../../src/core/change/change-metadata.js"
import { moveSecret } from "../../../src/core/change/move-secret.js"
import { removeSecrets } from "../../../src/core/change/remove-secrets.js"
import { claimedId, findVault } from "../../../src/core/index.js"
import { agentKeyFile } from "../../../src/core/keys/key-files.js"
import { NO_CHOICES } from "../../../src/core/merge/merge-vault.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { resolveAt, syncAt, twoMachines } from "./clones.js"

// What a team's month (month.test.ts), or reading on from there, came upon: each in as few steps as show it.

let template: World
let one: World
let two: World

beforeAll(async () => {
  template = await vaultWorld()
  await template.set("db/one", "of db")
  await template.grant("ci", "db")
  await template.addAgent("other")
})
beforeEach(() => {
  ;[one, two] = twoMachines(template)
})
afterEach(() => [one, two].forEach((world) => world.remove()))
afterAll(() => template.remove())

/** Gives deploy a new key, and returns its recipient. */
async function rekeyDeploy(world: World): Promise<string> {
  const { result } = await rekeyAgent({ ...(await world.request()), agent: "deploy" })
  return result.recipient
}

async function removeDeploy(world: World): Promise<void> {
  await removeAgent({ ...(await world.request()), agent: "deploy" })
}

function keyOfDeploy({ env, vaultFolder }: World): string {
  const file = agentKeyFile(claimedId(findVault(vaultFolder)), "deploy", env)
  return /^AGE-SECRET-KEY-.*$/m.exec(readFileSync(file, "utf8"))?.[0] ?? ""
}

/** What a key opens of stripe/api-key as it is now, with every key of the group in all of history. */
async function openedWith(world: World, identity: string): Promise<readonly string[]> {
  const path = ".agent-vault/groups/stripe.age"
  const log = world.git("log", "--format=", "--raw", "--no-abbrev", "-m", "--", path)
  const ids = new Set([...log.matchAll(/^:\d+ \d+ \w+ (\w+) [AM]/gm)].map(([, id = ""]) => id))
  const keys = await opened(
    [...ids].map((id) => world.bytes("cat-file", "blob", id)),
    [identity],
  )
  expect(keys.length).toBeGreaterThan(0)
  return opened(
    [readFileSync(join(world.vaultFolder, ".agent-vault/secrets/stripe/api-key.age"))],
    keys,
  )
}

async function opened(
  sealed: readonly Uint8Array[],
  identities: readonly string[],
): Promise<readonly string[]> {
  const all = await Promise.all(sealed.map((bytes) => outcome(unseal(bytes, identities))))
  return all.flatMap((each) =>
    typeof each === "string" ? [] : Buffer.from(each).toString().trim(),
  )
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

test.each([
  ["removed", removeDeploy],
  ["gave a new key", rekeyDeploy],
] as const)(
  "whom one side granted a group and the other one %s opens nothing that is set afterwards",
  async (_, change) => {
    await one.grant("deploy", "stripe")
    const lost = keyOfDeploy(one)
    await syncAt(one)
    // Both sides change the group, and neither gives it another key.
    await two.grant("other", "stripe")
    await change(two)
    await syncAt(two)
    await two.set("stripe/api-key", "set afterwards")
    expect(await openedWith(two, lost)).toEqual([])
  },
)

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

test("whom one side granted a group again is a member, and nothing is exposed to them", async () => {
  await one.revoke("ci", "stripe")
  await syncAt(one)
  await syncAt(two)
  await one.grant("deploy", "stripe")
  await syncAt(one)
  await two.grant("ci", "stripe")
  await two.grant("deploy", "stripe")
  expect(await syncAt(two)).toMatchObject({ brought: "merge", settled: ["stripe"] })
  const { members, revoked } = recordOf(two, "groups/stripe.json")
  expect(members).toMatchObject([{ agent: "ci" }, { agent: "deploy" }])
  expect(revoked).toEqual([])
})

test("nor is what a third clone sealed to the key of before", async () => {
  const three = one.with({}, join(one.folder, "third"))
  one.git("clone", "-q", join(one.folder, "origin.git"), three.top)
  await three.set("stripe/late", "late")
  await one.revoke("ci", "stripe")
  await syncAt(one)
  await syncAt(two)
  await one.grant("deploy", "stripe")
  await syncAt(one)
  await two.grant("ci", "stripe")
  await two.grant("deploy", "stripe")
  await syncAt(two)
  await syncAt(three)
  expect(recordOf(three, "secrets/stripe/late.json")).not.toHaveProperty("exposed")
  expect(await three.read("ci", "stripe/late")).toBe("late")
})

test("what others changed comes, where a change of the same was undone that nobody had", async () => {
  await two.set("stripe/api-key", "undone")
  two.git("reset", "-q", "--hard", "HEAD~1")
  await one.set("stripe/api-key", "of the other one")
  await syncAt(one)
  const notes: string[] = []
  expect(await syncAt(two, { onNote: (note) => notes.push(note) })).toMatchObject({
    brought: "forward",
  })
  expect(notes).toMatchObject([expect.stringContaining("accepted as undone here")])
  expect(await two.read("ci", "stripe/api-key")).toBe("of the other one")
})

/** Moves stripe/api-key away on one machine, and sets it on the other one. */
async function moveAndSet(): Promise<void> {
  const names = { from: "stripe/api-key", to: "moved/key" }
  await moveSecret({ ...(await one.request()), ...names })
  await syncAt(one)
  await two.revoke("ci", "stripe")
  await two.set("stripe/api-key", "set meanwhile")
  two.git("fetch", "-q", "origin")
}

/** Git stops in a conflict. */
function stops(world: World, ...git: readonly string[]): void {
  expect(() => world.git(...git)).toThrow("Command failed")
}

// Git takes the record that was moved for the one that was changed, and puts both sides of it under
// the new name. In a rebase, "theirs" is what is rebased.
test.each([
  ["ours", ["moved/key"]],
  ["theirs", ["moved/key", "stripe/api-key"]],
] as const)("of a move and a new value, a rebase takes %s", async (all, names) => {
  await moveAndSet()
  stops(two, "rebase", "-q", "origin/main")
  while (existsSync(join(two.top, ".git", "rebase-merge"))) {
    const left = await resolveAt(two, NO_CHOICES)
    if (left.conflicts.length > 0) {
      expect(left.conflicts).toMatchObject([{ name: "stripe/api-key" }])
      expect(two.git("ls-files", "-u")).not.toBe("")
    }
    expect(await resolveAt(two, { named: new Map(), all })).toMatchObject({ conflicts: [] })
    await outcome(
      Promise.resolve().then(() => two.git("-c", "core.editor=true", "rebase", "--continue")),
    )
  }
  const there = ["moved/key", "stripe/api-key"].filter((name) =>
    existsSync(join(two.vaultFolder, `.agent-vault/secrets/${name}.json`)),
  )
  expect(there).toEqual(names)
  expect(await outcome(two.set("stripe/webhook", "goes on"))).not.toBeTypeOf("string")
})

test("what git merged by itself beside a conflict is found in a squash, after a rebase as well", async () => {
  await one.set("stripe/webhook", "changed")
  await syncAt(one)
  await two.set("stripe/webhook", "changed too")
  two.git("fetch", "-q", "origin")
  stops(two, "rebase", "-q", "origin/main")
  await resolveAt(two, { named: new Map(), all: "ours" })
  two.git("-c", "core.editor=true", "rebase", "--skip")
  // What is removed here keeps its value elsewhere: git takes the file out, and only the record is in conflict.
  await removeSecrets({ ...(await two.request()), names: ["stripe/api-key"] })
  await changeMetadata({
    ...(await one.request()),
    name: "stripe/api-key",
    metadata: { description: "described" },
  })
  await syncAt(one)
  two.git("fetch", "-q", "origin")
  stops(two, "merge", "-q", "--squash", "origin/main")
  await resolveAt(two, { named: new Map(), all: "theirs" })
  two.git("commit", "-q", "-m", "squashed")
  expect(await two.read("ci", "stripe/api-key")).toBe("old")
})

test("so is what it merged by itself when a stash is popped, whichever of them it is", async () => {
  const before = two.git("rev-parse", "HEAD")
  await changeMetadata({
    ...(await two.request()),
    name: "stripe/api-key",
    metadata: { description: "described" },
  })
  two.git("reset", "-q", "--soft", before)
  two.git("stash", "push", "-q")
  await removeSecrets({ ...(await two.request()), names: ["stripe/api-key"] })
  writeFileSync(join(two.top, "README.md"), "changed later")
  two.git("add", "README.md")
  two.git("stash", "push", "-q")
  stops(two, "stash", "pop", "-q", "stash@{1}")
  await resolveAt(two, { named: new Map(), all: "theirs" })
  two.git("commit", "-q", "-m", "popped")
  expect(await two.read("ci", "stripe/api-key")).toBe("old")
})
