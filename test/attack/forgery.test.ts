import { copyFileSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { generateIdentity, recipientOf, seal } from "../../src/core/age/age.js"
import { signOwner } from "../../src/core/records/owners.js"
import {
  type VaultRecord,
  digestOf,
  encodeRecord,
  signRecord,
} from "../../src/core/records/record.js"
import { type SigningKey, signingKey } from "../../src/core/records/signature.js"
import { type Answers, type Arena, type Machine, copyMachine, loot, makeArena } from "./arena.js"

// Mallory can push and holds no owner's key. Whatever she pushes, every command says what is wrong,
// changes nothing, and gives her nothing.

let arena: Arena
let alice: Machine
let identity: string
let recipient: string
let key: SigningKey

beforeAll(async () => {
  arena = await makeArena()
  identity = await generateIdentity("x25519")
  recipient = await recipientOf(identity)
  key = signingKey(identity)
})
afterAll(() => arena.remove())
beforeEach(() => {
  alice = copyMachine(arena.alice)
})
afterEach(() => alice.remove())

const API_KEY = "secrets/stripe/api-key.age"

type Attack = readonly [name: string, attack: (m: Machine) => unknown, answers: Answers]

/** Answers that are all the same, but for some. */
function all(code: string, others: Partial<Answers> = {}): Answers {
  const each = { get: code, list: code, check: code, set: code, grant: code, revoke: code }
  return { ...each, ...others }
}

/** The ciphertext of a value is off: what does not need it works. */
const DAMAGED_VALUE = all("DIGEST_MISMATCH", { list: "ok", grant: "ok" })

/** A vault.json whose chain starts with Mallory, who lists Alice's public entry as hers to add. */
function ownChain(m: Machine, withAlice: boolean): VaultRecord {
  const { owners, ...before } = m.vaultRecord()
  const vault = before.vault
  const [real] = owners
  if (real === undefined) throw new Error("no owner")
  const first = signOwner(vault, { name: "mallory", recipient, signer: key.signer, since: 1 }, key)
  const { name, recipient: hers, signer } = real
  const added = signOwner(vault, { name, recipient: hers, signer, since: 2 }, key)
  const list = withAlice ? [first, added] : [first]
  const { keys } = before
  const body = { kind: "vault" as const, vault, path: "vault.json", serial: 9, keys, owners: list }
  return signRecord<VaultRecord>(body, key)
}

/** Mallory's entry among the owners, signed by herself, under Alice's signature or her own. */
function addHerself(m: Machine, forge: boolean): void {
  const { owners, vault, serial } = m.vaultRecord()
  const entry = signOwner(vault, { name: "mallory", recipient, signer: key.signer, since: 2 }, key)
  const change = {
    owners: [...owners, { ...entry, by: owners[0]?.signer ?? "" }],
    serial: serial + 1,
  }
  if (forge) m.forge("vault.json", change, key)
  else m.alter("vault.json", change)
}

/** A group key of Mallory's own making, in place of the group's. */
async function ownGroupKey(m: Machine, forge: boolean): Promise<void> {
  const made = await generateIdentity("x25519")
  const { owners } = m.vaultRecord()
  const readers = [recipient, ...owners.map((owner) => owner.recipient)]
  const sealed = await seal(Buffer.from(`${made}\n`), readers)
  m.put("groups/stripe.age", sealed)
  const { serial } = m.record("groups/stripe.json")
  const change = {
    recipient: await recipientOf(made),
    digest: digestOf(sealed),
    serial: serial + 1,
  }
  if (forge) m.forge("groups/stripe.json", change, key)
  else m.alter("groups/stripe.json", change)
}

function swapOwner(m: Machine): void {
  const { owners } = m.vaultRecord()
  m.alter("vault.json", { owners: owners.map((owner) => ({ ...owner, recipient })) })
}

async function forgeSecret(m: Machine): Promise<void> {
  const { recipient: group } = m.groupRecord("stripe")
  const sealed = await seal(Buffer.from("hers"), [group])
  m.put(API_KEY, sealed)
  m.forge("secrets/stripe/api-key.json", { digest: digestOf(sealed), serial: 9 }, key)
}

function addMember(m: Machine, forge: boolean): void {
  const { members, serial } = m.groupRecord("stripe")
  const me = { agent: "mallory", recipient, since: "2026-01-01T00:00:00Z" }
  const change = { members: [...members, me], serial: serial + 1 }
  if (forge) m.forge("groups/stripe.json", change, key)
  else m.alter("groups/stripe.json", change)
}

function copy(m: Machine, from: string, to: string): void {
  copyFileSync(m.path(from), m.path(to))
}

function flip(m: Machine, path: string, at: number): void {
  const bytes = readFileSync(m.path(path))
  const index = at < 0 ? bytes.length + at : at
  bytes[index] = (bytes[index] ?? 0) ^ 1
  m.put(path, bytes)
}

const ATTACKS: readonly Attack[] = [
  [
    "an agent's recipient is swapped",
    (m) => m.alter("agents/ci.json", { recipient }),
    all("SIGNATURE_INVALID", { get: "ok" }),
  ],
  [
    "an agent's recipient is swapped, and signed by her",
    (m) => m.forge("agents/temp.json", { recipient }, key),
    all("SIGNATURE_INVALID", { get: "ok" }),
  ],
  ["a member is added to a group", (m) => addMember(m, false), all("SIGNATURE_INVALID")],
  [
    "a member is added to a group, and signed by her",
    (m) => addMember(m, true),
    all("SIGNATURE_INVALID"),
  ],
  ["the key of a group is swapped", (m) => ownGroupKey(m, false), all("SIGNATURE_INVALID")],
  [
    "the key of a group is swapped, and signed by her",
    (m) => ownGroupKey(m, true),
    all("SIGNATURE_INVALID"),
  ],
  ["an owner's recipient is swapped", swapOwner, all("SIGNATURE_INVALID")],
  ["she adds herself to the owners", (m) => addHerself(m, false), all("SIGNATURE_INVALID")],
  [
    "she adds herself to the owners, and signs it",
    (m) => addHerself(m, true),
    all("SIGNATURE_INVALID"),
  ],
  [
    "a chain of owners of her own",
    (m) => m.put("vault.json", encodeRecord(ownChain(m, false))),
    all("UNTRUSTED"),
  ],
  [
    "a chain of owners of her own, which lists the real owner",
    (m) => m.put("vault.json", encodeRecord(ownChain(m, true))),
    all("UNTRUSTED"),
  ],
  [
    "another vault id in vault.json",
    (m) => m.alter("vault.json", { vault: "0".repeat(32) }),
    all("KEY_NOT_FOUND", { list: "SIGNATURE_INVALID", check: "SIGNATURE_INVALID" }),
  ],
  [
    "another vault id in the record of a secret",
    (m) => m.forge("secrets/stripe/api-key.json", { vault: "0".repeat(32) }, key),
    all("RECORD_INVALID", { grant: "ok" }),
  ],
  ["a secret is forged", forgeSecret, all("SIGNATURE_INVALID", { grant: "ok" })],
  [
    "a secret takes the place of another",
    (m) => {
      copy(m, "secrets/stripe/webhook.json", "secrets/stripe/api-key.json")
      copy(m, "secrets/stripe/webhook.age", "secrets/stripe/api-key.age")
    },
    all("RECORD_INVALID", { grant: "ok" }),
  ],
  [
    "a ciphertext takes the place of another",
    (m) => copy(m, "secrets/stripe/webhook.age", "secrets/stripe/api-key.age"),
    DAMAGED_VALUE,
  ],
  [
    "a ciphertext takes the place of one in another group",
    (m) => copy(m, "secrets/db/password.age", "secrets/stripe/api-key.age"),
    DAMAGED_VALUE,
  ],
  [
    "the key of a group takes the place of another",
    (m) => copy(m, "groups/db.age", "groups/stripe.age"),
    all("DIGEST_MISMATCH", { list: "ok" }),
  ],
  ["the last byte of a value is changed", (m) => flip(m, API_KEY, -1), DAMAGED_VALUE],
  ["a value is emptied", (m) => m.put(API_KEY, ""), DAMAGED_VALUE],
  ["a value is deleted", (m) => rmSync(m.path(API_KEY)), DAMAGED_VALUE],
  [
    "the key of a group is cut",
    (m) => m.put("groups/stripe.age", readFileSync(m.path("groups/stripe.age")).subarray(0, -1)),
    all("DIGEST_MISMATCH", { list: "ok" }),
  ],
  [
    "the key of a group is deleted",
    (m) => rmSync(m.path("groups/stripe.age")),
    all("DIGEST_MISMATCH", { list: "ok" }),
  ],
  [
    "the record of a group is deleted",
    (m) => rmSync(m.path("groups/stripe.json")),
    all("GROUP_NOT_FOUND", { list: "ok", check: "RECORD_INVALID", set: "PENDING" }),
  ],
  [
    "the record of an agent is deleted",
    (m) => rmSync(m.path("agents/ci.json")),
    all("PENDING", { get: "ok", list: "ok", check: "STRAY_FILE", revoke: "AGENT_NOT_FOUND" }),
  ],
  [
    "the manifest is deleted",
    (m) => rmSync(m.path("manifest.yaml")),
    all("MANIFEST_INVALID", { get: "ok", list: "ok" }),
  ],
]

test.each(ATTACKS)("%s: refused, and nothing is gained", async (_, attack, answers) => {
  await attack(alice)
  alice.arrive()
  const before = alice.snapshot()
  expect(await alice.answers()).toEqual(answers)
  // A grant needs no value, so it may go through where only a value is off.
  if (answers.grant !== "ok") expect(alice.snapshot()).toEqual(before)
  expect(await loot(alice.vault, [identity])).toEqual([])
})

test("a stranger's vault that lists the real owner is not called trusted", () => {
  expect(alice.code(["trust"])).toBe("0 ok")
  alice.put("vault.json", encodeRecord(ownChain(alice, true)))
  alice.arrive()
  const { code, stdout } = alice.run(["trust"])
  expect([code, stdout]).toEqual([1, expect.stringContaining("mallory")])
  expect(alice.run(["trust", "--json"]).stdout).toContain('"trusted": false')
  expect(alice.code(["status"])).toMatch(/^[14] /)
  expect(alice.code(["trust", "--rewind", "--yes"])).toBe("4 UNTRUSTED")
  // Nor does a computer that knows the owner by nothing but the fingerprint take it for hers.
  const env = { XDG_STATE_HOME: alice.top, AGENT_VAULT_TRUST: ownerSigner() }
  expect(alice.code(["check"], { env })).toBe("4 UNTRUSTED")
})

function ownerSigner(): string {
  return arena.alice.vaultRecord().owners[0]?.signer ?? ""
}

test("where nobody says whom to trust, nothing is read, and check says what it is worth", () => {
  const env = { XDG_STATE_HOME: join(alice.folder, "fresh") }
  expect(alice.code(["list"], { env })).toBe("4 UNTRUSTED")
  const { code, stderr } = alice.run(["check"], { env })
  expect([code, stderr]).toEqual([1, expect.stringContaining("Self-consistent only")])
  const other = { ...env, AGENT_VAULT_TRUST: key.signer }
  expect(alice.code(["list"], { env: other })).toBe("4 UNTRUSTED")
  expect(alice.code(["get", "stripe/api-key", "--agent", "ci"], { env: other })).toBe(
    "4 TRUST_MISMATCH",
  )
})

test("vault.json is deleted: no command takes the folder for a vault", async () => {
  rmSync(alice.path("vault.json"))
  await expect(alice.set("stripe/api-key", "x")).rejects.toMatchObject({ code: "FOREIGN_VAULT" })
  await expect(alice.init()).rejects.toMatchObject({ code: "FOREIGN_VAULT" })
})

test("a ciphertext cut at any length, or changed in any bit, is refused", async () => {
  const bytes = readFileSync(alice.path(API_KEY))
  const places = [...bytes.keys()].filter((at) => at % 5 === 0)
  const damaged = [
    ...places.map((length) => bytes.subarray(0, length)),
    ...places.map((at) => bytes.with(at, (bytes[at] ?? 0) ^ (1 << (at % 8)))),
    Buffer.concat([bytes, Buffer.from([0])]),
  ]
  const codes = new Set<string>()
  for (const each of damaged) {
    alice.put(API_KEY, each)
    codes.add(await alice.tryRead("ci", "stripe/api-key"))
  }
  expect([...codes]).toEqual(["DIGEST_MISMATCH"])
})

test("every command of the built program refuses a forged group and changes nothing", () => {
  const { ci, mallory } = arena
  alice.git("remote", "set-url", "origin", join(arena.folder, "origin.git"))
  addMember(mallory, true)
  mallory.publish()
  alice.pull()
  ci.pull()
  const before = alice.snapshot()
  expect(ci.code(["get", "stripe/api-key", "--agent", "ci"])).toBe("5 SIGNATURE_INVALID")
  expect(ci.code(["agent", "list", "--agent", "ci"])).toBe("5 SIGNATURE_INVALID")
  expect(ci.code(["status", "--agent", "ci"])).toBe("5 SIGNATURE_INVALID")
  expect(alice.code(["check"])).toBe("5 REFUSED SIGNATURE_INVALID")
  expect(alice.code(["check", "--against", "HEAD~1"])).toBe("5 REFUSED SIGNATURE_INVALID")
  const changes = [
    ["set", "stripe/api-key"],
    ["set", "new/secret"],
    ["grant", "temp", "db"],
    ["revoke", "deploy", "db"],
    ["apply"],
    ["agent", "add", "new"],
    ["agent", "rekey", "ci"],
    ["agent", "remove", "ci"],
  ]
  for (const command of changes) {
    expect([command, alice.code(command, { stdin: "x" })]).toEqual([command, "5 SIGNATURE_INVALID"])
  }
  expect(alice.snapshot()).toEqual(before)
})
