import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { generateIdentity, recipientOf, seal, unseal } from "../../../src/core/age/age.js"
import { findVault } from "../../../src/core/disk/place.js"
import {
  agentKeyFile,
  identityAt,
  openVault,
  ownerKeyFile,
  withVault,
} from "../../../src/core/index.js"
import {
  addAgent,
  changeUse,
  formatKeyFile,
  parseLease,
  recoverAgent,
  rekeyAgent,
  removeOwner,
  setSecret,
  trustOwner,
} from "../../../src/core/owner.js"
import { claimedId } from "../../../src/core/vault/open.js"
import { describeSecrets } from "../../../src/core/vault/listing.js"
import {
  type GroupRecord,
  type VaultRecord,
  decodeRecord,
  encodeRecord,
  signRecord,
  unsigned,
} from "../../../src/core/records/record.js"
import { signingKey } from "../../../src/core/records/signature.js"
import { testWithStockAge } from "../../stock-age.js"
import { openedByAge } from "../past/opened-by-age.js"
import { copiesOf, syncAt, twoMachines } from "../sync/clones.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { anotherPerson, findingsAt, lineOf, makeOwner, nobody, readAs, recordOf } from "./people.js"

/** Where ci keeps the latest refresh token, in the state folder. */
const KEPT = "successors/agents/ci/stripe/token.age"

/** The three as each test begins with them. */
let begun: readonly [alice: World, elsewhere: World, bob: World]
/** Alice's two machines, and that of bob, who is an owner too. */
let alice: World
let elsewhere: World
let bob: World
const worlds: World[] = []

beforeAll(async () => {
  const template = await vaultWorld()
  await template.grant("deploy", "stripe")
  const [one, two] = twoMachines(template)
  template.remove()
  begun = [one, two, anotherPerson(one)]
  await makeOwner(one, begun[2], "bob")
  for (const world of begun) await syncAt(world)
})
beforeEach(() => {
  ;[alice, elsewhere, bob] = copiesOf(begun)
  worlds.push(alice, elsewhere, bob)
})
afterEach(() => worlds.splice(0).forEach((world) => world.remove()))
afterAll(() => begun.forEach((world) => world.remove()))

function newPerson(): World {
  const person = anotherPerson(alice)
  worlds.push(person)
  return person
}

async function remove(by: World, owner: string, dryRun = false) {
  return removeOwner({ ...(await by.request()), owner, dryRun })
}

const REVOKED = [{ agent: "ci", at: "9999-12-31T23:59:59Z", epoch: 1 }]

/** Commits a record that bob signed, made of stripe's, as whoever can push can. */
async function plant(path: string, said: object): Promise<void> {
  const key = signingKey((await bob.request()).identity.identity)
  const file = join(alice.top, ".agent-vault/groups/stripe.json")
  const record = decodeRecord("group", "groups/stripe.json", readFileSync(file))
  const planted = encodeRecord(signRecord({ ...unsigned(record), path, ...said }, key))
  alice.commit(`.agent-vault/${path}`, Buffer.from(planted).toString("utf8"))
}

/** The recipient of a key that was made elsewhere. */
async function newRecipient(): Promise<string> {
  return recipientOf(await generateIdentity("x25519"))
}

/** The key of an agent, as an owner brings it out of the escrow. */
async function recovered(world: World, agent: string): Promise<string> {
  const place = findVault(world.top)
  const owner = await identityAt(place, { owner: true }, "never", world.env, nobody)
  const key = await withVault(place, owner.trust, world.env, (vault) =>
    recoverAgent(vault, agent, owner),
  )
  return formatKeyFile(key, "2026-01-01T00:00:00Z")
}

/** Puts the key of an agent where it reads, as an owner brings it out of the escrow. */
async function deliver(world: World, agent: string, by = world): Promise<void> {
  const file = agentKeyFile(claimedId(findVault(world.top)), agent, world.env)
  const key = await recovered(by, agent)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(file, key, { mode: 0o600 })
}

async function exposedAt(world: World): Promise<string[]> {
  const secrets = await withVault(findVault(world.top), undefined, world.env, (vault) =>
    describeSecrets(vault),
  )
  return secrets.flatMap(({ name, exposed = [] }) =>
    exposed.map((each) => `${name} ${"owner" in each ? each.owner : each.agent}`),
  )
}

/** Has an owner sign the vault.json that they have with a serial that is far ahead. */
async function signFurther(world: World): Promise<void> {
  const place = findVault(world.top)
  const { identity } = await identityAt(place, { owner: true }, "never", world.env, nobody)
  const path = ".agent-vault/vault.json"
  const record = decodeRecord("vault", "vault.json", world.bytes("show", `HEAD:${path}`))
  const further = { ...unsigned(record), serial: record.serial + 10 }
  const signed = signRecord<VaultRecord>(further, signingKey(identity))
  world.commit(path, Buffer.from(encodeRecord(signed)).toString("utf8"))
}

/** Who opens a group. */
function membersOf(world: World, group: string): string[] {
  const record = decodeRecord(
    "group",
    `groups/${group}.json`,
    world.bytes("show", `HEAD:.agent-vault/groups/${group}.json`),
  )
  return record.members.map(({ agent }) => agent)
}

/** Every record that is committed, as text. */
function recordsOf(world: World): string[] {
  const paths = world.git("ls-files", "--", ".agent-vault").split("\n")
  return paths
    .filter((path) => path.endsWith(".json"))
    .map((path) => world.git("show", `HEAD:${path}`))
}

describe("an owner who was removed", () => {
  testWithStockAge(
    "opens nothing written since, by any key they knew",
    "classic",
    async (stock) => {
      await bob.set("shared/token", "a-fake-value-by-bob")
      await addAgent({ ...(await bob.request()), agent: "robot" })
      await bob.grant("robot", "shared")
      await syncAt(bob)
      await syncAt(alice)
      const known = ["ci", "deploy", "robot"].map(async (agent) => {
        const file = join(bob.folder, `${agent}-known.key`)
        writeFileSync(file, await recovered(bob, agent), { mode: 0o600 })
        return file
      })
      const keys = [
        ownerKeyFile(claimedId(findVault(bob.top)), bob.env),
        ...(await Promise.all(known)),
      ]
      const before = keys.map((key) => openedByAge(stock, alice, key))
      expect(before[0]).toContain("shared/token@1")

      const { result } = await remove(alice, "bob")
      expect(result.agents).toEqual(["ci", "deploy", "robot"])
      await alice.set("shared/token", "a-fake-new-value")
      await alice.set("stripe/later", "a-fake-later-value")
      expect(keys.map((key) => openedByAge(stock, alice, key))).toEqual(before)
      for (const agent of result.agents) {
        const escrow = alice.bytes("show", `HEAD:.agent-vault/agents/${agent}.age`)
        for (const key of keys) {
          expect(() => stock.age(["-d", "-i", key], escrow)).toThrow(/no identity/)
        }
      }
    },
  )

  test("leaves a vault that all others read and govern, where every value is to be rotated", async () => {
    await bob.set("shared/token", "a-fake-value-by-bob")
    await addAgent({ ...(await bob.request()), agent: "robot" })
    await bob.grant("robot", "shared")
    await syncAt(bob)
    await syncAt(alice)
    const { signer } = recordOf(bob).owners.find(({ name }) => name === "bob") ?? { signer: "" }
    const { result, commit } = await remove(alice, "bob")
    expect(commit).toBe(alice.git("rev-parse", "HEAD"))
    expect(result).toMatchObject({ owner: "bob", signer, groups: ["shared", "stripe"] })
    expect(result.anchor).toBeUndefined()
    const signed = recordsOf(alice).filter((text) => text.includes(`"signer": "${signer}"`))
    // In vault.json alone, where bob's entry stays, ended.
    expect(signed.map((text) => (JSON.parse(text) as { path: string }).path)).toEqual([
      "vault.json",
    ])
    expect(await findingsAt(alice)).toEqual([])
    expect(await exposedAt(alice)).toEqual([
      "shared/token bob",
      "stripe/api-key bob",
      "stripe/webhook bob",
    ])
    expect(await alice.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
    await deliver(alice, "ci")
    await deliver(alice, "robot")
    expect(await alice.read("ci", "stripe/api-key")).toBe(await readAs(alice, "stripe/api-key"))
    expect(await alice.read("robot", "shared/token")).toBe("a-fake-value-by-bob")
    await alice.set("shared/token", "a-fake-new-value")
    expect(await exposedAt(alice)).toEqual(["stripe/api-key bob", "stripe/webhook bob"])
  })

  test("cannot open what an agent keeps on the machine of the removal, and the agent still can", async () => {
    const lease = parseLease("oauth", [
      "client=a",
      "endpoint=https://login.example/token",
      "successors=agent:ci",
    ])
    const value = Buffer.from("not-a-real-token")
    await setSecret({
      ...(await alice.request()),
      name: "stripe/token",
      value,
      metadata: {},
      lease,
    })
    const file = join(alice.folder, "agent-vault", claimedId(findVault(alice.top)), KEPT)
    const { identity } = await alice.request()
    const bobs = await bob.request()
    mkdirSync(dirname(file), { recursive: true })
    const next = Buffer.from("not-a-real-one-either")
    writeFileSync(file, await seal(next, [identity.recipient, bobs.identity.recipient]))
    const { result, unfinished } = await remove(alice, "bob")
    expect(result.leases).toEqual([{ secret: "stripe/token", agent: "ci" }])
    expect(unfinished).toBeUndefined()
    const [, key = ""] = /^(AGE-SECRET-KEY-.*)$/m.exec(await recovered(alice, "ci")) ?? []
    expect(Buffer.from(await unseal(readFileSync(file), [key]))).toEqual(next)
    const opening = unseal(readFileSync(file), [bobs.identity.identity])
    expect(await outcome(opening.then(String))).toBe("NOT_A_READER")
  })

  test("changes nothing any more, and brings nobody in who has seen the removal", async () => {
    await remove(alice, "bob")
    // What nobody else ever had, alice could undo.
    await syncAt(alice)
    const removed = alice.git("rev-parse", "HEAD")
    // From the state before, bob goes on as if nothing had been, further than alice went.
    await signFurther(bob)
    await bob.set("stripe/api-key", "a-fake-forged-value")
    bob.git("push", "-q", "--force", "origin", "main")
    alice.git("fetch", "-q", "origin")
    alice.git("reset", "-q", "--hard", "origin/main")
    expect(await alice.tryRead("ci", "stripe/api-key")).toBe("UNTRUSTED")
    expect(await outcome(alice.set("stripe/other", "a-fake-value"))).toBe("UNTRUSTED")
    alice.git("reset", "-q", "--hard", removed)
    expect(await outcome(syncAt(alice))).toBe("CONFLICT")
  })

  test.each([
    { last: "number", far: Number.MAX_SAFE_INTEGER - 1 },
    { last: "time", far: 5 },
  ])("leaves no name that nobody can revoke, by the last $last in the history", async ({ far }) => {
    await remove(alice, "bob")
    await plant("groups/db.json", { members: [], revoked: REVOKED, serial: far, epoch: far })
    alice.git("rm", "-q", ".agent-vault/groups/db.json")
    alice.git("commit", "-qm", "never mind")
    await alice.set("db/password", "a-fake-value")
    for (let count = 0; count < 2; count++) {
      await alice.grant("ci", "db")
      await alice.revoke("ci", "db")
    }
    expect(await alice.tryRead("ci", "db/password")).toBe("NOT_GRANTED")
    const file = join(alice.top, ".agent-vault/groups/db.json")
    expect(readFileSync(file, "utf8")).not.toContain("9999-")
  })

  test("revokes nobody in a time to come, so that no grant could follow", async () => {
    await remove(alice, "bob")
    await syncAt(alice)
    await syncAt(elsewhere)
    await plant("groups/stripe.json", { members: [], revoked: REVOKED, serial: 99 })
    alice.git("revert", "--no-edit", "HEAD")
    await alice.revoke("ci", "stripe")
    await alice.grant("ci", "stripe")
    await syncAt(alice)
    await syncAt(elsewhere)
    expect(await readAs(elsewhere, "stripe/api-key")).toBe("old")
  })

  test("is one again where nobody else had the removal, and its maker undid it; a line says so", async () => {
    await remove(alice, "bob")
    await signFurther(bob)
    bob.git("push", "-q", "origin", "main")
    alice.git("fetch", "-q", "origin")
    alice.git("reset", "-q", "--hard", "origin/main")
    const notes: string[] = []
    const onNote = (line: string): unknown => notes.push(line)
    const value = Buffer.from("a-fake-value")
    const said = { name: "stripe/other", value, metadata: {} }
    await setSecret({ ...(await alice.request()), ...said, onNote })
    expect(notes).toEqual([expect.stringContaining("undone here, and never published")])
  })

  test("has signed nothing that a merge brings in afterwards", async () => {
    await bob.set("stripe/by-bob", "a-fake-value-by-bob")
    await syncAt(bob)
    await remove(alice, "bob")
    await expect(syncAt(alice)).rejects.toMatchObject({
      code: "SIGNATURE_INVALID",
      message: expect.stringContaining("is signed by bob, who was removed as an owner") as string,
    })
    // By plain Git, readers refuse what bob signed, and read the rest.
    alice.git("fetch", "-q", "origin")
    alice.git("merge", "-q", "--no-edit", "origin/main")
    await deliver(alice, "ci")
    expect(await alice.tryRead("ci", "stripe/by-bob")).toBe("SIGNATURE_INVALID")
    expect(await alice.tryRead("ci", "stripe/api-key")).not.toMatch(/^[A-Z_]+$/)
  })
})

describe("what was made on a branch that did not know of the removal", () => {
  test("is told by check, stops new values, and is taken from them by apply and agent rekey", async () => {
    await elsewhere.set("late/token", "a-fake-late-value")
    await addAgent({ ...(await elsewhere.request()), agent: "late-agent" })
    await elsewhere.grant("late-agent", "late")
    await remove(alice, "bob")
    await syncAt(alice)
    // As a host merges, which knows no key.
    elsewhere.git("fetch", "-q", "origin")
    elsewhere.git("merge", "-q", "--no-edit", "origin/main")
    expect(await findingsAt(elsewhere)).toEqual(["PENDING late"])
    expect(await outcome(elsewhere.set("late/other", "a-fake-value"))).toBe("PENDING")
    await elsewhere.apply()
    expect(await findingsAt(elsewhere)).toEqual([])
    expect(await exposedAt(elsewhere)).toContain("late/token bob")
    expect(await keysKnownToOwners(elsewhere)).toEqual(["late-agent"])
    // They bring that key out of the escrow of the branch, so a value for it would be theirs too.
    const hint = "give it a new one: agent-vault agent rekey late-agent"
    const refused = { code: "PENDING", hint }
    await expect(elsewhere.set("late/other", "a-fake-value")).rejects.toMatchObject(refused)
    await expect(elsewhere.grant("late-agent", "stripe")).rejects.toMatchObject(refused)
    await rekeyAgent({ ...(await elsewhere.request()), agent: "late-agent" })
    expect(await keysKnownToOwners(elsewhere)).toEqual([])
    await elsewhere.set("late/other", "a-fake-value")
  })

  test("gives an agent, whose key they know, nothing that the manifest wishes for it", async () => {
    await addAgent({ ...(await elsewhere.request()), agent: "late-agent" })
    await remove(alice, "bob")
    await alice.set("stripe/new", "a-fake-new-value")
    await syncAt(alice)
    await syncAt(elsewhere)
    expect(await keysKnownToOwners(elsewhere)).toEqual(["late-agent"])
    // A wish that anybody can push. The key of the group would be bob's by way of that agent's.
    const path = ".agent-vault/manifest.yaml"
    const text = elsewhere.bytes("show", `HEAD:${path}`).toString("utf8")
    const line = "  - { agent: late-agent, group: stripe }"
    elsewhere.commit(path, text.replace("grants:", `grants:\n${line}`))
    expect(await findingsAt(elsewhere)).toEqual(["PENDING stripe"])
    await expect(elsewhere.apply()).rejects.toMatchObject({
      code: "PENDING",
      hint: "give it a new one: agent-vault agent rekey late-agent",
    })
    await rekeyAgent({ ...(await elsewhere.request()), agent: "late-agent" })
    await elsewhere.apply()
    expect(await findingsAt(elsewhere)).toEqual([])
    expect(await keysKnownToOwners(elsewhere)).toEqual([])
  })

  test("opens nothing of the other side's by an agent that was granted a group there", async () => {
    await addAgent({ ...(await elsewhere.request()), agent: "late-agent" })
    await elsewhere.grant("late-agent", "stripe")
    await remove(alice, "bob")
    await alice.set("stripe/new", "a-fake-new-value")
    await syncAt(alice)
    await syncAt(elsewhere)
    // Bob brings that agent's key out of the escrow of the branch.
    expect(await keysKnownToOwners(elsewhere)).toEqual(["late-agent"])
    expect(membersOf(elsewhere, "stripe")).toEqual(["ci", "deploy"])
    expect(await readAs(elsewhere, "stripe/new")).toBe("a-fake-new-value")
    expect(await findingsAt(elsewhere)).toEqual(["PENDING stripe"])
    expect(await outcome(elsewhere.apply())).toBe("PENDING")
    await rekeyAgent({ ...(await elsewhere.request()), agent: "late-agent" })
    await elsewhere.apply()
    expect(membersOf(elsewhere, "stripe")).toEqual(["ci", "deploy", "late-agent"])
    expect(await findingsAt(elsewhere)).toEqual([])
  })

  test("is known to them still where another owner comes, who cannot open that escrow", async () => {
    await addAgent({ ...(await elsewhere.request()), agent: "late-agent" })
    await remove(alice, "bob")
    await syncAt(alice)
    await syncAt(elsewhere)
    const carol = newPerson()
    await makeOwner(elsewhere, carol, "carol")
    await elsewhere.apply()
    expect(await keysKnownToOwners(elsewhere)).toEqual(["late-agent"])
    expect(await outcome(elsewhere.grant("late-agent", "stripe"))).toBe("PENDING")
  })

  test("is exposed to them, where it is a value that was sealed to a key they had", async () => {
    await elsewhere.set("stripe/api-key", "a-fake-second-value")
    await remove(alice, "bob")
    await alice.set("stripe/other", "a-fake-value")
    await syncAt(alice)
    await syncAt(elsewhere)
    expect(await readAs(elsewhere, "stripe/api-key")).toBe("a-fake-second-value")
    expect(await exposedAt(elsewhere)).toEqual(["stripe/api-key bob", "stripe/webhook bob"])
    expect(await findingsAt(elsewhere)).toEqual([])
  })

  test("gets another key, where a revoke there gave the group one that they had", async () => {
    await elsewhere.revoke("deploy", "stripe")
    await elsewhere.grant("deploy", "stripe")
    await elsewhere.revoke("deploy", "stripe")
    await remove(alice, "bob")
    await syncAt(alice)
    await syncAt(elsewhere)
    expect(await findingsAt(elsewhere)).toEqual([])
    await syncAt(bob).catch(() => undefined)
    bob.git("fetch", "-q", "origin")
    bob.git("reset", "-q", "--hard", "origin/main")
    expect(await outcome(readAs(bob, "stripe/api-key"))).toBe("NOT_GRANTED")
  })
})

/** The agents whose key, as check says, a removed owner may know. */
async function keysKnownToOwners(world: World): Promise<string[]> {
  const told = await findingsAt(world, "EXPOSED")
  return told.filter((each) => !each.includes("/")).map((each) => each.replace("EXPOSED ", ""))
}

describe("the first owner", () => {
  test("leaves, and whoever came next stands for all others", async () => {
    const carol = newPerson()
    await makeOwner(alice, carol, "carol")
    await syncAt(alice)
    for (const world of [carol, bob]) await syncAt(world)
    await expect(remove(carol, "alice")).rejects.toMatchObject({
      code: "USAGE",
      hint: "bob types: agent-vault owner remove alice",
    })
    const { result } = await remove(bob, "alice")
    const [, { signer }] = recordOf(bob).owners as [unknown, { signer: string }]
    expect(result.anchor).toEqual({ owner: "bob", signer })
    expect(await outcome(readAs(bob, "stripe/api-key"))).toBe("UNTRUSTED")
    const moved = await trustOwner(findVault(bob.top), signer, bob.env, nobody)
    expect(moved).toEqual({ keyFiles: [ownerKeyFile(claimedId(findVault(bob.top)), bob.env)] })
    await bob.set("stripe/api-key", "a-fake-new-value")
    await syncAt(bob)
    expect(await findingsAt(bob)).toEqual([])
    expect(await outcome(syncAt(carol))).toBe("UNTRUSTED")
    carol.git("fetch", "-q", "origin")
    carol.git("merge", "-q", "--ff-only", "origin/main")
    await trustOwner(findVault(carol.top), signer, carol.env, nobody)
    expect(await readAs(carol, "stripe/api-key")).toBe("a-fake-new-value")
    await carol.set("stripe/by-carol", "a-fake-value")
    expect(await findingsAt(carol)).toEqual([])
  })
})

/** Trusts bob from then on, as `agent-vault trust SIGNER`. */
async function trustNext(world: World): Promise<void> {
  const [, { signer }] = recordOf(bob).owners as [unknown, { signer: string }]
  await trustOwner(findVault(world.top), signer, world.env, nobody)
}

describe("the machine of an agent, once the first owner left", () => {
  let machine: World
  const noOwner = { owner: () => Promise.reject(new Error("no owner's key is here")) }

  beforeEach(async () => {
    machine = newPerson()
    await deliver(machine, "ci", alice)
    expect(await pullAndGet()).toBe("nothing, old")
    await remove(bob, "alice")
    await trustNext(bob)
    await bob.set("stripe/api-key", "a-fake-new-value")
  })

  async function pullAndGet(): Promise<string> {
    await using vault = await openVault({ dir: machine.top, agent: "ci", env: machine.env })
    const pulled = (await vault.pull()) === undefined ? "nothing" : "something"
    return `${pulled}, ${(await vault.get("stripe/api-key")).reveal()}`
  }

  test("follows nobody by itself: it is told whom to trust, gets its new key, and syncs", async () => {
    await syncAt(bob)
    expect(await outcome(pullAndGet())).toBe("UNTRUSTED")
    await trustNext(machine)
    expect(await outcome(pullAndGet())).toBe("UNTRUSTED")
    await syncAt(machine, noOwner)
    await deliver(machine, "ci", bob)
    expect(await pullAndGet()).toBe("nothing, a-fake-new-value")
    await bob.set("stripe/api-key", "a-fake-later-value")
    await syncAt(bob)
    expect(await pullAndGet()).toBe("something, a-fake-later-value")
  })

  test("brings in nothing of the first owner's, where the removal is withheld", async () => {
    await trustNext(machine)
    await alice.set("stripe/api-key", "a-fake-value-since")
    await syncAt(alice)
    expect(await outcome(syncAt(machine, noOwner))).toBe("UNTRUSTED")
  })
})

describe("who was removed", () => {
  test("may have said where values go, which is told once it is signed by another", async () => {
    const where = { hosts: ["api.example.com"], methods: ["GET"], paths: ["/**"] }
    const edit = { do: "add", rules: [{ ...where, at: ["query:key"], scheme: "raw" }] } as const
    await alice.set("stripe/webhook", "a-fake-value")
    await changeUse({ ...(await alice.request()), name: "stripe/webhook", edit })
    await syncAt(alice)
    await syncAt(bob)
    await changeUse({ ...(await bob.request()), name: "stripe/api-key", edit })
    await bob.set("db/password", "a-fake-value-by-bob")
    await syncAt(bob)
    await syncAt(alice)
    const { result } = await remove(alice, "bob")
    expect(result.vouched).toEqual([{ secret: "stripe/api-key", says: ["use"] }])
  })

  test("may have made keys and owners that stay, and is told of", async () => {
    const recipient = await newRecipient()
    await addAgent({ ...(await bob.request()), agent: "robot", recipient })
    await syncAt(bob)
    const carol = newPerson()
    await makeOwner(bob, carol, "carol")
    await syncAt(bob)
    await syncAt(alice)
    const { result } = await remove(alice, "bob")
    expect([result.kept, result.brought]).toEqual([["robot"], ["carol"]])
  })

  test("gets in again with another key only: not as an agent, and not as an owner", async () => {
    const [, entry] = recordOf(alice).owners as [unknown, { recipient: string }]
    await remove(alice, "bob")
    await syncAt(alice)
    await syncAt(bob)
    const { recipient } = entry
    const request = { ...(await alice.request()), agent: "robot", recipient }
    await expect(addAgent(request)).rejects.toMatchObject({
      code: "EXISTS",
      message: "that is the key of bob already",
    })
    const file = ownerKeyFile(claimedId(findVault(bob.top)), bob.env)
    await expect(lineOf(bob, "bob")).rejects.toMatchObject({
      code: "EXISTS",
      hint: `move ${file} away; then make a new key: agent-vault join bob --owner`,
    })
    renameSync(file, `${file}.old`)
    await makeOwner(alice, bob, "bob")
    await syncAt(alice)
    await syncAt(bob)
    expect(await readAs(bob, "stripe/api-key")).toBe(await readAs(alice, "stripe/api-key"))
    expect(await exposedAt(bob)).toEqual(["stripe/api-key bob", "stripe/webhook bob"])
  })
})

describe("is refused", () => {
  test("for a stranger, oneself, and the last one", async () => {
    await expect(remove(alice, "bo")).rejects.toMatchObject({
      code: "OWNER_NOT_FOUND",
      hint: "did you mean bob?",
    })
    await expect(remove(alice, "alice")).rejects.toMatchObject({
      code: "USAGE",
      hint: "another owner types: agent-vault owner remove alice",
    })
    await remove(alice, "bob")
    await expect(remove(alice, "alice")).rejects.toMatchObject({
      message: expect.stringContaining("last owner") as string,
    })
    expect(await outcome(remove(alice, "bob"))).toBe("OWNER_NOT_FOUND")
  })

  test("while other changes of the manifest are pending", async () => {
    const path = ".agent-vault/manifest.yaml"
    const text = alice.bytes("show", `HEAD:${path}`).toString("utf8")
    alice.commit(path, text.replace("groups:", "groups:\n  pending: {}"))
    expect(await outcome(remove(alice, "bob"))).toBe("PENDING")
  })

  test("of a dry run it is planned, and nothing is written", async () => {
    const before = [alice.git("rev-parse", "HEAD"), alice.git("status", "--porcelain")]
    const { result, commit } = await remove(alice, "bob", true)
    expect([result.owner, result.groups, commit]).toEqual(["bob", ["stripe"], undefined])
    expect([alice.git("rev-parse", "HEAD"), alice.git("status", "--porcelain")]).toEqual(before)
  })
})

test("a group that is made afterwards says who had been removed, and when", async () => {
  await remove(alice, "bob")
  const now = new Date(Date.now() + 86_400_000)
  const value = Buffer.from("a-fake-later-value")
  await setSecret({ ...(await alice.request()), now, name: "later/key", value, metadata: {} })
  const [stripe, later] = ["stripe", "later"].map(
    (group) =>
      JSON.parse(alice.git("show", `HEAD:.agent-vault/groups/${group}.json`)) as GroupRecord,
  )
  expect(later?.epoch).toBe(2)
  expect(later?.revokedOwners).toEqual(stripe?.revokedOwners)
  expect(await findingsAt(alice)).toEqual([])
})
