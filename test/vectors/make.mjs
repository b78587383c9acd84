// Makes the vaults, the forgeries and the list of cases in this folder anew, with new keys. Run by
// hand, when the format changes on purpose: `node scripts/build.mjs && node test/vectors/make.mjs`.
// README.md says what comes out. The vaults are made by the program's own operations, so they are
// what it writes; only what needs an attacker, or an operation that does not exist yet, is made by
// hand here.
import { execFileSync } from "node:child_process"
import { generateKeyPairSync } from "node:crypto"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { generateIdentity, identityBytes, recipientOf, seal } from "../../dist/core/age/age.js"
import { openGroupKey } from "../../dist/core/vault/group-key.js"
import { findVault, identityAt, withVault } from "../../dist/core/index.js"
import { changeRotation } from "../../dist/core/rotation/change-rotation.js"
import { formatKeyFile, ownerKeyFile } from "../../dist/core/keys/key-files.js"
import { writeKeyFile } from "../../dist/core/keys/kept-key-files.js"
import { encodePolicy } from "../../dist/core/policy/policy-rules.js"
import {
  addAgent,
  addOwner,
  changeUse,
  grant,
  init,
  recoverAgent,
  rekeyAgent,
  removeAgent,
  removeOwner,
  revoke,
  setPolicy,
  setSecret,
} from "../../dist/core/owner.js"
import { endOwner, signOwner } from "../../dist/core/records/owners.js"
import { digestOf, encodeRecord, signRecord } from "../../dist/core/records/record.js"
import { signingKey } from "../../dist/core/records/signature.js"
import { getGroup } from "../../dist/core/vault/vault.js"
import { casesOf } from "./make-cases.mjs"

const here = fileURLToPath(new URL(".", import.meta.url))
const work = mkdtempSync(join(tmpdir(), "agent-vault-vectors-"))

/** A vault in the making: a repository, an owner's home, and what the vectors say of it. */
class Maker {
  /** What `keys.json` will say. */
  keys = {}
  identities = {}
  expected = {}

  constructor(name) {
    this.name = name
    this.folder = join(work, name)
    mkdirSync(this.folder)
    writeFileSync(
      join(work, "gitconfig"),
      "[user]\n\tname = Vector\n\temail = vector@example.com\n",
    )
    this.env = this.envOf("alice")
    execFileSync("git", ["init", "-q", "-b", "main", this.folder], { env: this.env })
  }

  envOf(user) {
    return {
      PATH: process.env.PATH,
      HOME: join(work, `${this.name}-${user}`),
      GIT_CONFIG_GLOBAL: join(work, "gitconfig"),
      GIT_CONFIG_NOSYSTEM: "1",
    }
  }

  get vaultFolder() {
    return join(this.folder, ".agent-vault")
  }

  async init(keys) {
    const { vault, signer } = await init({
      folder: this.folder,
      name: "alice",
      keys,
      env: this.env,
      now: new Date("2026-01-01T00:00:00Z"),
    })
    this.vault = vault
    this.trust = signer
    this.kind = keys
    this.addKey("alice", "owner", (await this.owner()).identity)
  }

  addKey(name, role, identity) {
    this.identities[name] = identity
    this.keys[name] = { role, throwaway: Buffer.from(identityBytes(identity)).toString("hex") }
  }

  owner() {
    const ask = () => Promise.reject(new Error("no passphrase"))
    return identityAt(findVault(this.folder), { owner: true }, "always", this.env, ask)
  }

  async request(at) {
    const place = findVault(this.folder)
    return { place, identity: await this.owner(), env: this.env, now: new Date(at) }
  }

  async addAgent(at, agent, keyName = agent) {
    const { result } = await addAgent({ ...(await this.request(at)), agent })
    this.addKey(keyName, "agent", result.identity)
  }

  /** The key of an agent that is in escrow now. */
  async recover(agent) {
    const owner = await this.owner()
    const { identity } = await withVault(findVault(this.folder), owner.trust, this.env, (vault) =>
      recoverAgent(vault, agent, owner),
    )
    this.addKey(agent, "agent", identity)
  }

  async enrol(at, agent) {
    const identity = await generateIdentity(this.kind)
    const recipient = await recipientOf(identity)
    await addAgent({ ...(await this.request(at)), agent, recipient })
    this.addKey(agent, "agent", identity)
  }

  async set(at, name, value, metadata = {}) {
    const bytes = Buffer.from(value)
    await setSecret({ ...(await this.request(at)), name, value: bytes, metadata })
    this.expected[name] = bytes
  }

  async grant(at, agent, groups, until) {
    await grant({ ...(await this.request(at)), agent, groups, until })
  }

  async revoke(at, agent, groups) {
    await revoke({ ...(await this.request(at)), agent, groups })
  }

  /** Keeps the present key of a group, which an agent may have kept as well. */
  async keepGroupKey(group, keyName) {
    const { identity, trust } = await this.owner()
    const opened = await withVault(findVault(this.folder), trust, this.env, (vault) =>
      openGroupKey(vault, group, getGroup(vault, group), [identity]),
    )
    this.addKey(keyName, "group", opened)
  }

  read(path) {
    return readFileSync(join(this.vaultFolder, path))
  }

  record(path) {
    return JSON.parse(this.read(path).toString("utf8"))
  }

  /** Writes a file into `forged/`, and hands back the name that a case uses for it. */
  forge(name, bytes) {
    const path = `forged/${this.name}/${name}`
    mkdirSync(dirname(join(here, path)), { recursive: true })
    writeFileSync(join(here, path), bytes)
    return path
  }

  /** A record as somebody's key would sign it. */
  signAs(who, record) {
    const { signature: _signature, format: _format, ...body } = record
    return encodeRecord(signRecord(body, signingKey(this.identities[who])))
  }

  /** The same of a record that is no record of today's, whatever its format. */
  signWhole(who, record) {
    const key = signingKey(this.identities[who])
    const content = { ...record, signature: { signer: key.signer } }
    const ed25519 = key.sign(record.kind, content)
    return encodeRecord({ ...record, signature: { signer: key.signer, ed25519 } })
  }

  save() {
    const target = join(here, this.name)
    rmSync(target, { recursive: true, force: true })
    cpSync(this.vaultFolder, join(target, "vault/.agent-vault"), { recursive: true })
    const { vault, trust, kind, keys } = this
    const about = "Throwaway keys: the 32 raw bytes of each age identity, as hex."
    writeJson(join(target, "keys.json"), { about, vault, trust, kind, keys })
  }
}

function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`)
}

async function classic() {
  const maker = new Maker("classic")
  await maker.init("x25519")
  await maker.addAgent("2026-01-02T09:00:00Z", "ci")
  await maker.enrol("2026-01-02T09:01:00Z", "deploy")
  await maker.set("2026-01-03T00:00:00Z", "stripe/api-key", "first value")
  maker.forge("api-key-1.json", maker.read("secrets/stripe/api-key.json"))
  maker.forge("api-key-1.age", maker.read("secrets/stripe/api-key.age"))
  await maker.set("2026-01-04T00:00:00Z", "stripe/api-key", "second value\n", { env: "STRIPE_KEY" })
  await maker.set(
    "2026-01-04T00:00:01Z",
    "stripe/all-bytes",
    Array.from({ length: 256 }, (_, i) => i),
  )
  await maker.set("2026-01-04T00:00:02Z", "stripe/empty", "")
  await maker.set("2026-01-04T00:00:03Z", "stripe/two-chunks", Buffer.alloc(65_537, "chunk "))
  await maker.set("2026-01-05T00:00:00Z", "web/eu/prod/tls/key.pem", "deepest\n", {
    description: 'Schlüssel für "tls", C:\\keys\\1 </script> 😀 end',
    expires: "2027-01-01T00:00:00Z",
    env: "_TLS_KEY_1",
    reveal: "never",
  })
  await maker.grant("2026-01-06T00:00:00Z", "ci", ["stripe"])
  await maker.grant("2026-01-06T00:00:01Z", "deploy", ["web"])
  await maker.grant("2026-01-06T00:00:02Z", "deploy", ["stripe"], "2026-12-01T00:00:00Z")
  maker.addKey("stranger", "stranger", await generateIdentity("x25519"))
  maker.addKey("mallory", "stranger", await generateIdentity("x25519"))
  await forgeClassic(maker)
  maker.save()
  return maker
}

/** What an attacker without an owner's key would write, and what a broken program of an owner's. */
async function forgeClassic(maker) {
  const { identities, vault } = maker
  const mallory = signingKey(identities.mallory)
  const recipient = await recipientOf(identities.mallory)
  const body = { name: "mallory", recipient, signer: mallory.signer }
  const own = signOwner(vault, { ...body, since: 1 }, mallory)
  const record = maker.record("vault.json")
  const [alice] = record.owners
  const put = (name, owners, serial) =>
    maker.forge(name, maker.signAs("mallory", { ...record, owners, serial }))

  put("vault-second-root.json", [alice, own], 2)
  put("vault-own-root.json", [own], 2)
  put(
    "vault-alice-under-mallory.json",
    [own, signOwner(vault, { ...pick(alice), since: 2 }, mallory)],
    2,
  )
  const lie = { ...signOwner(vault, { ...body, since: 2 }, mallory), by: alice.signer }
  put("vault-by-alice-not-signed-by-her.json", [alice, lie], 2)
  put("vault-signed-by-mallory.json", [alice], 2)
  const pq = await generateIdentity("mlkem768x25519")
  const other = { name: "bob", recipient: await recipientOf(pq), signer: signingKey(pq).signer }
  const mixed = signOwner(vault, { ...other, since: 2 }, signingKey(identities.alice))
  maker.forge(
    "vault-mixed-kinds.json",
    maker.signAs("alice", { ...record, owners: [alice, mixed], serial: 2 }),
  )

  const secret = maker.record("secrets/stripe/api-key.json")
  const group = maker.record("groups/stripe.json")
  const sealed = await seal(Buffer.from("forged"), [group.recipient])
  const forgedSecret = { ...secret, serial: secret.serial + 1, digest: digestOf(sealed) }
  maker.forge("api-key-mallory.age", sealed)
  maker.forge("api-key-mallory.json", maker.signAs("mallory", forgedSecret))
  const member = { agent: "ci", recipient, since: group.members[0].since }
  const members = [member, ...group.members.slice(1)]
  maker.forge("stripe-mallory.json", maker.signAs("mallory", { ...group, members }))

  const cut = maker.read("secrets/stripe/api-key.age").subarray(0, -1)
  maker.forge("api-key-cut.age", cut)
  const cutRecord = { ...secret, serial: secret.serial + 1, digest: digestOf(cut) }
  maker.forge("api-key-cut.json", maker.signAs("alice", cutRecord))
  const owners = [alice.recipient]
  const misses = await seal(Buffer.from(`${identities.alice}\n`), owners)
  maker.forge("stripe-without-ci.age", misses)
  maker.forge("stripe-without-ci.json", maker.signAs("alice", resealed(group, misses)))
  const wrong = await seal(Buffer.from(`${await generateIdentity("x25519")}\n`), [
    ...owners,
    ...group.members.map((entry) => entry.recipient),
  ])
  maker.forge("stripe-other-key.age", wrong)
  maker.forge("stripe-other-key.json", maker.signAs("alice", resealed(group, wrong)))
}

function resealed(group, sealed) {
  return { ...group, serial: group.serial + 1, digest: digestOf(sealed) }
}

function pick({ name, recipient, signer }) {
  return { name, recipient, signer }
}

async function postQuantum() {
  const maker = new Maker("post-quantum")
  await maker.init("mlkem768x25519")
  await maker.addAgent("2026-01-02T00:00:00Z", "ci")
  await maker.addAgent("2026-01-02T00:00:00Z", "old")
  await maker.set("2026-01-03T00:00:00Z", "stripe/api-key", "hybrid value")
  await maker.grant("2026-01-03T00:00:00Z", "ci", ["stripe"])
  await maker.grant("2026-01-03T00:00:01Z", "old", ["stripe"])
  await maker.revoke("2026-01-04T00:00:00Z", "old", ["stripe"])
  maker.save()
  return maker
}

async function revoked() {
  const maker = new Maker("revoked")
  await maker.init("x25519")
  for (const agent of ["ci", "old", "gone", "temp"]) {
    await maker.addAgent("2026-01-02T00:00:00Z", agent)
  }
  await maker.addAgent("2026-01-02T00:00:00Z", "moved", "moved-before")
  await maker.set("2026-01-03T00:00:00Z", "stripe/api-key", "exposed to many")
  await maker.set("2026-01-03T00:00:00Z", "stripe/rotated", "soon rotated")
  await maker.set("2026-01-03T00:00:00Z", "web/token", "never exposed")
  for (const agent of ["ci", "old", "gone", "moved"]) {
    await maker.grant("2026-01-04T00:00:00Z", agent, ["stripe"])
  }
  await maker.grant("2026-01-04T00:00:00Z", "temp", ["stripe"], "2026-03-01T00:00:00Z")
  await maker.grant("2026-01-04T00:00:00Z", "ci", ["web"])
  await maker.keepGroupKey("stripe", "stripe-epoch-1")
  maker.forge("stripe-1.json", maker.read("groups/stripe.json"))
  maker.forge("stripe-1.age", maker.read("groups/stripe.age"))
  maker.forge("api-key-epoch-1.json", maker.read("secrets/stripe/api-key.json"))
  maker.forge("api-key-epoch-1.age", maker.read("secrets/stripe/api-key.age"))

  await maker.revoke("2026-02-01T00:00:00Z", "old", ["stripe"])
  await removeAgent({ ...(await maker.request("2026-02-02T00:00:00Z")), agent: "gone" })
  const moved = await rekeyAgent({
    ...(await maker.request("2026-02-03T00:00:00Z")),
    agent: "moved",
  })
  maker.addKey("moved", "agent", moved.result.identity)
  await maker.set("2026-03-01T00:00:00Z", "stripe/new", "after the last rekey")
  await maker.set("2026-03-02T00:00:00Z", "stripe/rotated", "rotated")
  maker.save()
  return maker
}

/** Alice began and added bob, who added carol and dave, then ended alice and carol; he is at work. */
async function owners() {
  const maker = new Maker("owners")
  await maker.init("x25519")
  for (const name of ["bob", "carol", "dave", "mallory"]) {
    maker.addKey(name, "owner", await generateIdentity("x25519"))
  }
  maker.keys.mallory.role = "stranger"
  const { vault, identities } = maker
  const keyOf = (name) => signingKey(identities[name])
  const newOwner = async (name, since, by) => {
    const recipient = await recipientOf(identities[name])
    return signOwner(vault, { name, recipient, signer: keyOf(name).signer, since }, keyOf(by))
  }
  const first = maker.record("vault.json")
  const [alice] = first.owners
  const bob = await newOwner("bob", 2, "alice")
  const carol = await newOwner("carol", 3, "bob")
  const dave = await newOwner("dave", 4, "bob")
  const aliceEnded = endOwner(vault, alice, 5, keyOf("bob"))
  const carolEnded = endOwner(vault, carol, 6, keyOf("bob"))
  const owners = [aliceEnded, bob, carolEnded, dave]
  const record = { ...first, serial: 6, owners }
  writeFileSync(join(maker.vaultFolder, "vault.json"), maker.signAs("bob", record))
  execFileSync("git", ["-C", maker.folder, "commit", "-qam", "owners"], { env: maker.env })
  maker.trust = keyOf("bob").signer

  maker.env = maker.envOf("bob")
  const recipient = await recipientOf(identities.bob)
  const key = { identity: identities.bob, recipient, vault, owner: "bob", trust: maker.trust }
  writeKeyFile(ownerKeyFile(vault, maker.env), formatKeyFile(key, "2026-02-01T00:00:00Z"))
  await maker.addAgent("2026-02-01T00:00:00Z", "ci")
  await maker.set("2026-02-02T00:00:00Z", "stripe/api-key", "bob's value")
  await maker.grant("2026-02-03T00:00:00Z", "ci", ["stripe"])

  const put = (name, by, serial, entries) =>
    maker.forge(name, maker.signAs(by, { ...record, serial, owners: entries }))
  put("vault-4.json", "bob", 4, [alice, bob, carol, dave])
  put("vault-5.json", "bob", 5, [aliceEnded, bob, carol, dave])
  put("vault-6-without-dave.json", "bob", 6, [aliceEnded, bob, carolEnded])
  put("vault-alice-undoes-her-end.json", "alice", 9, [alice, bob, carolEnded, dave])
  const byAlice = await newOwner("mallory", 4, "alice")
  put("vault-alice-backdates-mallory.json", "mallory", 9, [...owners, byAlice])
  const byCarol = await newOwner("mallory", 4, "carol")
  put("vault-carol-backdates-mallory.json", "mallory", 9, [...owners, byCarol])
  const late = await newOwner("mallory", 7, "carol")
  put("vault-carol-adds-after-her-end.json", "mallory", 9, [...owners, late])
  const selfEnded = { ...aliceEnded, ended: { ...aliceEnded.ended, by: alice.signer } }
  put("vault-end-not-signed.json", "bob", 7, [selfEnded, bob, carolEnded, dave])
  const secret = maker.record("secrets/stripe/api-key.json")
  maker.forge("api-key-by-alice.json", maker.signAs("alice", { ...secret, serial: 9 }))
  maker.save()
  return maker
}

/** Two secrets, one of which may go somewhere: its record has format 2. */
async function uses() {
  const maker = new Maker("uses")
  await maker.init("x25519")
  await maker.addAgent("2026-01-02T09:00:00Z", "ci")
  await maker.set("2026-01-03T00:00:00Z", "stripe/api-key", "a value")
  maker.forge("api-key-1.json", maker.read("secrets/stripe/api-key.json"))
  await maker.set("2026-01-03T00:00:01Z", "stripe/other", "another value")
  await maker.grant("2026-01-04T00:00:00Z", "ci", ["stripe"])
  const stripe = {
    hosts: ["api.stripe.com", "*.example.com:8443", "[::1]"],
    methods: ["GET", "POST"],
    paths: ["/v1/**", "/files/*/a%20b"],
    at: ["header:authorization"],
    scheme: "bearer",
    service: "stripe",
  }
  const signing = {
    hosts: ["hooks.example.com"],
    methods: ["POST"],
    paths: ["/**"],
    at: ["query:signature"],
    scheme: "hmac-sha256",
    template: String.raw`{method}{\n}{path}{\n}{header:x-time}{\n}ü "quoted" {body-sha256}`,
    encoding: "base64",
    ask: "each",
  }
  const edit = { do: "add", rules: [stripe, signing] }
  await changeUse({
    ...(await maker.request("2026-01-05T00:00:00Z")),
    name: "stripe/api-key",
    edit,
  })
  maker.addKey("mallory", "stranger", await generateIdentity("x25519"))

  const path = "secrets/stripe/api-key.json"
  const secret = maker.record(path)
  const [rule] = secret.use
  const wider = { ...secret, serial: 9, use: [{ ...rule, hosts: ["evil.example.com"] }] }
  maker.forge("wider-unsigned.json", encodeRecord(wider))
  maker.forge("wider-by-mallory.json", maker.signWhole("mallory", wider))
  maker.forge("use-in-format-1.json", maker.signWhole("alice", { ...secret, serial: 9, format: 1 }))
  const { use: _use, ...plain } = secret
  maker.forge("format-2-without-use.json", maker.signWhole("alice", { ...plain, serial: 9 }))
  maker.forge("no-rules.json", maker.signWhole("alice", { ...secret, serial: 9, use: [] }))
  const future = { ...secret, serial: 9, format: 1000, quota: { day: 5 } }
  maker.forge("format-1000.json", maker.signWhole("alice", future))
  maker.forge("format-1000-by-mallory.json", maker.signWhole("mallory", future))
  maker.save()
  return maker
}

/** Two secrets, one of which says how it is rotated, and where it may go: its record has format 3. */
async function rotations() {
  const maker = new Maker("rotations")
  await maker.init("x25519")
  await maker.addAgent("2026-01-02T09:00:00Z", "ci")
  await maker.set("2026-01-03T00:00:00Z", "stripe/api-key", "a value")
  await maker.set("2026-01-03T00:00:01Z", "stripe/other", "another value")
  await maker.grant("2026-01-04T00:00:00Z", "ci", ["stripe"])
  const rule = {
    hosts: ["api.example.com"],
    methods: ["GET"],
    paths: ["/**"],
    at: ["header:x-key"],
    scheme: "raw",
  }
  const use = { do: "add", rules: [rule] }
  await changeUse({
    ...(await maker.request("2026-01-05T00:00:00Z")),
    name: "stripe/api-key",
    edit: use,
  })
  const steps = { run: ["/usr/bin/roll", "--ü", 'a "b" c'], test: ["try"], end: ["end", ""] }
  for (const [step, words] of Object.entries(steps)) {
    const edit = { do: "put", step, words }
    await changeRotation({
      ...(await maker.request("2026-01-06T00:00:00Z")),
      name: "stripe/api-key",
      edit,
    })
  }
  maker.addKey("mallory", "stranger", await generateIdentity("x25519"))

  const secret = { ...maker.record("secrets/stripe/api-key.json"), serial: 9 }
  const { rotation, ...plain } = secret
  const other = { ...secret, rotation: { ...rotation, run: ["/tmp/hers"] } }
  maker.forge("other-program-unsigned.json", encodeRecord(other))
  maker.forge("other-program-by-mallory.json", maker.signWhole("mallory", other))
  maker.forge("rotation-in-format-2.json", maker.signWhole("alice", { ...secret, format: 2 }))
  maker.forge("format-3-without-rotation.json", maker.signWhole("alice", plain))
  maker.forge("no-run.json", maker.signWhole("alice", { ...secret, rotation: { end: ["x"] } }))
  maker.save()
  return maker
}

/** Alice added bob and carol, and removed bob: what he could open has other keys, in format 4. */
async function removals() {
  const maker = new Maker("removals")
  await maker.init("x25519")
  await maker.addAgent("2026-01-02T09:00:00Z", "ci", "ci-before")
  await maker.set("2026-01-03T00:00:00Z", "stripe/api-key", "a value")
  await maker.grant("2026-01-04T00:00:00Z", "ci", ["stripe"])
  for (const owner of ["bob", "carol"]) {
    const identity = await generateIdentity("x25519")
    maker.addKey(owner, "owner", identity)
    const { signer } = signingKey(identity)
    const joining = { vault: maker.vault, owner, recipient: await recipientOf(identity), signer }
    await addOwner({ ...(await maker.request("2026-01-05T00:00:00Z")), joining })
  }
  maker.forge("group-before.json", maker.read("groups/stripe.json"))
  await maker.keepGroupKey("stripe", "stripe-epoch-1")
  await removeOwner({ ...(await maker.request("2026-01-06T00:00:00Z")), owner: "bob" })
  await maker.recover("ci")

  const secret = { ...maker.record("secrets/stripe/api-key.json"), serial: 9 }
  const { exposedToOwners, ...plain } = secret
  maker.forge("by-bob.json", maker.signAs("bob", secret))
  maker.forge("exposed-in-format-1.json", maker.signWhole("alice", { ...secret, format: 1 }))
  maker.forge("format-4-without-its-members.json", maker.signWhole("alice", plain))
  const nobody = { ...secret, exposedToOwners: [] }
  maker.forge("exposed-to-nobody.json", maker.signWhole("alice", nobody))
  const group = { ...maker.record("groups/stripe.json"), serial: 9 }
  maker.forge("group-in-format-1.json", maker.signWhole("alice", { ...group, format: 1 }))
  maker.save()
  return maker
}

/** An agent and a group that were made after bob was removed: the agent's record has format 10. */
async function laterRemovals() {
  const maker = new Maker("later-removals")
  await maker.init("x25519")
  const identity = await generateIdentity("x25519")
  const { signer } = signingKey(identity)
  const recipient = await recipientOf(identity)
  const joining = { vault: maker.vault, owner: "bob", recipient, signer }
  await addOwner({ ...(await maker.request("2026-01-02T00:00:00Z")), joining })
  await removeOwner({ ...(await maker.request("2026-01-03T00:00:00Z")), owner: "bob" })
  await maker.addAgent("2026-01-04T00:00:00Z", "ci")
  await maker.set("2026-01-05T00:00:00Z", "stripe/api-key", "a value")
  await maker.grant("2026-01-06T00:00:00Z", "ci", ["stripe"])
  maker.addKey("bob", "owner", identity)

  const agent = { ...maker.record("agents/ci.json"), serial: 9 }
  const { removedOwners, ...plain } = agent
  maker.forge("plain-unsigned.json", encodeRecord({ ...plain, format: 1 }))
  maker.forge("removed-in-format-4.json", maker.signWhole("alice", { ...agent, format: 4 }))
  maker.forge("format-10-without-removed.json", maker.signWhole("alice", plain))
  maker.forge("nobody-removed.json", maker.signWhole("alice", { ...agent, removedOwners: [] }))
  maker.save()
  return maker
}

/** A policy, which refuses ci one of two secrets: vault.json has format 5. */
async function policies() {
  const maker = new Maker("policies")
  await maker.init("x25519")
  await maker.addAgent("2026-01-02T09:00:00Z", "ci")
  await maker.set("2026-01-03T00:00:00Z", "stripe/api-key", "a value")
  await maker.set("2026-01-03T00:00:01Z", "stripe/other", "another value")
  await maker.grant("2026-01-04T00:00:00Z", "ci", ["stripe"])
  maker.forge("vault-before.json", readFileSync(join(maker.folder, ".agent-vault", "vault.json")))
  const rules = [
    { name: "granted", when: "true", effect: "allow" },
    {
      name: 'not "the" ü',
      when: 'secret.name == "stripe/other"\n  && agent == "ci"',
      effect: "deny",
    },
  ]
  const bytes = Buffer.from(JSON.stringify({ version: 1, rules }))
  await setPolicy(await maker.request("2026-01-05T00:00:00Z"), { file: "rules", bytes })
  maker.addKey("mallory", "stranger", await generateIdentity("x25519"))

  const vault = maker.record("vault.json")
  const loose = encodePolicy(vault.vault, rules.slice(0, 1))
  maker.forge("loose.json", loose)
  maker.forge("loose-vault-unsigned.json", encodeRecord({ ...vault, policy: digestOf(loose) }))
  maker.forge(
    "loose-vault-by-mallory.json",
    maker.signWhole("mallory", { ...vault, policy: digestOf(loose) }),
  )
  const { policy: _policy, ...without } = vault
  maker.forge("vault-unsigned.json", encodeRecord({ ...without, format: 1 }))
  maker.forge("policy-in-format-1.json", maker.signWhole("alice", { ...vault, format: 1 }))
  maker.forge("format-5-without-policy.json", maker.signWhole("alice", without))
  const broken = encodePolicy(vault.vault, [
    { name: "broken", when: "1 / 0 == 1", effect: "allow" },
  ])
  maker.forge("broken.json", broken)
  maker.forge(
    "broken-vault.json",
    maker.signWhole("alice", { ...vault, serial: 9, policy: digestOf(broken) }),
  )
  maker.save()
  return maker
}

/** A secret whose value lies in another store, beside one that is in the vault: format 6. */
async function sources() {
  const maker = new Maker("sources")
  await maker.init("x25519")
  await maker.addAgent("2026-01-02T09:00:00Z", "ci")
  await setSecret({
    ...(await maker.request("2026-01-03T00:00:00Z")),
    name: "stripe/api-key",
    value: Buffer.from("vault://secret/stripe#key"),
    source: { store: "vault", keep: 300 },
    metadata: {},
  })
  await maker.set("2026-01-03T00:00:01Z", "stripe/other", "another value")
  await maker.grant("2026-01-04T00:00:00Z", "ci", ["stripe"])
  maker.addKey("mallory", "stranger", await generateIdentity("x25519"))

  const secret = { ...maker.record("secrets/stripe/api-key.json"), serial: 9 }
  const { source, ...plain } = secret
  maker.forge("plain-unsigned.json", encodeRecord({ ...plain, format: 1 }))
  maker.forge("plain-by-mallory.json", maker.signWhole("mallory", { ...plain, format: 1 }))
  maker.forge("source-in-format-1.json", maker.signWhole("alice", { ...secret, format: 1 }))
  maker.forge("format-6-without-source.json", maker.signWhole("alice", plain))
  const other = { ...secret, source: { ...source, store: "file" } }
  maker.forge("unknown-store.json", maker.signWhole("alice", other))
  const longer = { ...secret, source: { ...source, keep: 86401 } }
  maker.forge("kept-too-long.json", maker.signWhole("alice", longer))
  maker.save()
  return maker
}

/** A secret with tags, beside one without: format 7. */
async function tags() {
  const maker = new Maker("tags")
  await maker.init("x25519")
  await maker.addAgent("2026-01-02T09:00:00Z", "ci")
  await maker.set("2026-01-03T00:00:00Z", "stripe/api-key", "a tagged value", { tags: "pci,prod" })
  await maker.set("2026-01-03T00:00:01Z", "stripe/other", "another value")
  await maker.grant("2026-01-04T00:00:00Z", "ci", ["stripe"])
  maker.addKey("mallory", "stranger", await generateIdentity("x25519"))

  const secret = { ...maker.record("secrets/stripe/api-key.json"), serial: 9 }
  const { tags: _tags, ...plain } = secret
  maker.forge("plain-unsigned.json", encodeRecord({ ...plain, format: 1 }))
  maker.forge("other-by-mallory.json", maker.signWhole("mallory", { ...secret, tags: "public" }))
  maker.forge("tags-in-format-1.json", maker.signWhole("alice", { ...secret, format: 1 }))
  maker.forge("format-7-without-tags.json", maker.signWhole("alice", plain))
  maker.forge("no-tags.json", maker.signWhole("alice", { ...secret, tags: "" }))
  maker.save()
  return maker
}

function keyOfAnApp() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  return Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" }))
}

/** A secret that is exchanged for short-lived values, beside one that is not: format 8. */
async function leases() {
  const maker = new Maker("leases")
  await maker.init("x25519")
  await maker.addAgent("2026-01-02T09:00:00Z", "ci")
  await setSecret({
    ...(await maker.request("2026-01-03T00:00:00Z")),
    name: "stripe/api-key",
    value: keyOfAnApp(),
    lease: {
      kind: "github-app",
      app: "12345",
      installation: "678",
      endpoint: "https://api.github.com",
      permissions: "contents:read",
    },
    metadata: {},
  })
  await maker.set("2026-01-03T00:00:01Z", "stripe/other", "another value")
  await maker.grant("2026-01-04T00:00:00Z", "ci", ["stripe"])
  maker.addKey("mallory", "stranger", await generateIdentity("x25519"))

  const secret = { ...maker.record("secrets/stripe/api-key.json"), serial: 9 }
  const { lease, ...plain } = secret
  const elsewhere = { ...lease, endpoint: "https://api.github.com.example" }
  maker.forge("plain-unsigned.json", encodeRecord({ ...plain, format: 1 }))
  maker.forge("elsewhere-unsigned.json", encodeRecord({ ...secret, lease: elsewhere }))
  maker.forge(
    "elsewhere-by-mallory.json",
    maker.signWhole("mallory", { ...secret, lease: elsewhere }),
  )
  maker.forge("lease-in-format-1.json", maker.signWhole("alice", { ...secret, format: 1 }))
  maker.forge("format-8-without-lease.json", maker.signWhole("alice", plain))
  for (const [name, other] of Object.entries({
    "unknown-kind": { ...lease, kind: "any" },
    "plain-http": { ...lease, endpoint: "http://api.github.com" },
    "with-a-user": { ...lease, endpoint: "https://user@api.github.com" },
  })) {
    maker.forge(`${name}.json`, maker.signWhole("alice", { ...secret, lease: other }))
  }
  const source = { store: "op", keep: 0 }
  maker.forge("with-a-source.json", maker.signWhole("alice", { ...secret, source }))
  maker.save()
  return maker
}

/** Leases of kinds that came later: format 9. */
async function laterLeases() {
  const maker = new Maker("later-leases")
  await maker.init("x25519")
  await maker.addAgent("2026-01-02T09:00:00Z", "ci")
  const leaseOf = {
    "stripe/api-key": {
      kind: "oauth",
      client: "my-client",
      endpoint: "https://login.example/token",
      auth: "post",
      scope: "offline_access,read",
      revoke: "https://login.example/revoke",
      successors: "agent:ci",
    },
    "stripe/database": {
      kind: "vault",
      endpoint: "https://vault.example:8200",
      path: "database/creds/app",
      value: "postgres://{username}:{password}@db.example/app",
      role: "a-role",
    },
    "stripe/cloud": {
      kind: "aws-sts",
      region: "eu-central-1",
      endpoint: "https://sts.eu-central-1.amazonaws.com",
      value: "{access_key_id} {secret_access_key} {session_token}",
      duration: "900",
      role: "arn:aws:iam::123456789012:role/agents",
      external: "an-id",
    },
  }
  // Each kind takes it.
  const value = Buffer.from("no_key_of_anybody:no-secret-of-anybody")
  for (const [name, lease] of Object.entries(leaseOf)) {
    const request = await maker.request("2026-01-03T00:00:00Z")
    await setSecret({ ...request, name, value, lease, metadata: {} })
  }
  await maker.grant("2026-01-04T00:00:00Z", "ci", ["stripe"])
  maker.addKey("mallory", "stranger", await generateIdentity("x25519"))

  const secret = { ...maker.record("secrets/stripe/api-key.json"), serial: 9 }
  const { lease } = secret
  const { lease: vaultLease } = maker.record("secrets/stripe/database.json")
  const { lease: stsLease } = maker.record("secrets/stripe/cloud.json")
  const other = { ...lease, successors: "agent:mallory" }
  maker.forge("other-by-mallory.json", maker.signWhole("mallory", { ...secret, lease: other }))
  maker.forge("oauth-in-format-8.json", maker.signWhole("alice", { ...secret, format: 8 }))
  for (const [name, lease] of Object.entries({
    "oauth-with-an-app": { ...secret.lease, app: "12345" },
    "oauth-without-a-client": { ...secret.lease, client: undefined },
    "oauth-in-another-order": { ...secret.lease, scope: "read,offline_access" },
    "oauth-for-anybody": { ...secret.lease, successors: "agent:" },
    "vault-without-a-field": { ...vaultLease, value: "postgres://db.example/app" },
    "vault-with-a-way-up": { ...vaultLease, path: "database/../sys/mounts" },
    "aws-sts-with-another-field": { ...stsLease, value: "{access_key_id}{password}" },
    "aws-sts-without-its-role": { ...stsLease, role: undefined },
    "aws-sts-without-an-end": { ...stsLease, duration: undefined },
    "github-app-in-format-9": {
      kind: "github-app",
      app: "12345",
      installation: "678",
      endpoint: "https://api.github.com",
    },
  })) {
    const texts = Object.entries(lease).filter(([, text]) => text !== undefined)
    const forged = { ...secret, lease: Object.fromEntries(texts) }
    maker.forge(`${name}.json`, maker.signWhole("alice", forged))
  }
  maker.save()
  return maker
}

/** Those that are named, or all. Of the others folders, forgeries and cases stay as they are. */
const MAKERS = {
  classic,
  "post-quantum": postQuantum,
  revoked,
  owners,
  uses,
  rotations,
  removals,
  "later-removals": laterRemovals,
  policies,
  sources,
  tags,
  leases,
  "later-leases": laterLeases,
}
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(MAKERS)
try {
  const made = {}
  for (const name of names) {
    rmSync(join(here, "forged", name), { recursive: true, force: true })
    made[name] = await MAKERS[name]()
  }
  const file = join(here, "cases.json")
  const { cases } = JSON.parse(readFileSync(file, "utf8"))
  const kept = cases.filter(({ vault }) => !names.includes(vault))
  const { about, cases: fresh } = casesOf(made)
  writeJson(file, { about, cases: [...kept, ...fresh] })
} finally {
  rmSync(work, { recursive: true, force: true })
}
