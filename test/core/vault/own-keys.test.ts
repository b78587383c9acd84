import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest"
import { generateIdentity, recipientOf } from "../../../src/core/age/age.js"
import { sealedQuickly } from "../age/sealed-quickly.js"
import {
  type Confirmed,
  agentKeyFile,
  claimedId,
  findVault,
  ownerKeyFile,
  withVault,
} from "../../../src/core/index.js"
import { addAgent, addKey, describeKeys, keyIn, removeKey } from "../../../src/core/owner.js"
import { readPin } from "../../../src/core/memory/trust.js"
import { World, outcome, vaultWorld } from "../world.js"

const NOW = new Date("2026-05-01T00:00:00Z")
const PASSPHRASE = "not a real passphrase"

let owner: World
let id: string
let agent: World
const machines: string[] = []

beforeAll(async () => {
  owner = await vaultWorld()
  id = claimedId(findVault(owner.top))
})
// The same clone, on a machine that has no key and trusts nobody.
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "agent-vault-keys-"))
  machines.push(folder)
  agent = new World(folder, owner.env, owner.top)
})
afterAll(() => {
  for (const folder of [owner.folder, ...machines]) rmSync(folder, { recursive: true })
})

const contentOf = (name: string): Buffer => readFileSync(agentKeyFile(id, name, owner.env))

async function add(content: Uint8Array, env = agent.env, person?: Confirmed) {
  const key = await keyIn(content, "k", () => Promise.resolve(PASSPHRASE))
  return withVault(findVault(owner.top), key.trust, env, (vault) =>
    addKey(vault, { content, key, shown: "k", env, now: NOW, person }),
  )
}

const list = () =>
  withVault(findVault(owner.top), undefined, agent.env, (vault) =>
    describeKeys(id, vault, agent.env),
  )

const remove = (holder: Parameters<typeof removeKey>[2]["holder"], person?: Confirmed) =>
  withVault(findVault(owner.top), undefined, agent.env, (vault) =>
    removeKey(id, vault, { holder, env: agent.env, person }),
  )

test("a key goes where it is looked for, byte for byte, for its user alone, and is trusted by", async () => {
  const content = Buffer.concat([Buffer.from("# a comment of ours\r\n"), contentOf("ci")])
  const added = await add(content)
  expect(added).toMatchObject({ role: "agent", name: "ci", wasHere: false })
  expect(readFileSync(added.file)).toEqual(content)
  expect(statSync(added.file).mode & 0o777).toBe(0o600)
  expect(readPin(id, agent.env)).toBe(added.pinned)
  expect(await agent.read("ci", "stripe/api-key")).toBe("old")
  expect(await add(contentOf("ci"))).toMatchObject({ wasHere: true })
  expect(readFileSync(added.file)).toEqual(content)
})

test("a passphrase stays on a key file", async () => {
  const plain = readFileSync(ownerKeyFile(id, owner.env))
  const sealed = await sealedQuickly(plain, PASSPHRASE)
  const { file } = await add(sealed)
  expect(file).toBe(ownerKeyFile(id, agent.env))
  expect(readFileSync(file)).toEqual(sealed)
  expect(await list()).toEqual([{ role: "owner", file, state: "sealed" }])
})

test("a stranger's key is not kept, whatever it says of itself", async () => {
  const identity = await generateIdentity("x25519")
  const text = contentOf("ci")
    .toString()
    .replace(/^AGE-SECRET-KEY-.*$/m, identity)
    .replace(/^# recipient: .*$/m, `# recipient: ${await recipientOf(identity)}`)
  expect(await outcome(add(Buffer.from(text)))).toBe("KEY_INVALID")
  expect(existsSync(agentKeyFile(id, "ci", agent.env))).toBe(false)
  expect(readPin(id, agent.env)).toBe(undefined)
})

test("a key under another agent's name lies under the name that the vault gives it", async () => {
  const text = contentOf("ci").toString().replace("# agent: ci", "# agent: deploy")
  expect(await add(Buffer.from(text))).toMatchObject({ name: "ci" })
})

test("a key file that trusts a stranger is refused, and pins nobody", async () => {
  const text = contentOf("ci")
    .toString()
    .replace(/^# trust: .*$/m, `# trust: ed25519:${"A".repeat(43)}`)
  expect(await outcome(add(Buffer.from(text)))).toBe("UNTRUSTED")
  expect(readPin(id, agent.env)).toBe(undefined)
})

test("a harness pins nobody without a person", async () => {
  const env = { ...agent.env, CLAUDECODE: "1" }
  expect(await outcome(add(contentOf("ci"), env))).toBe("UNCONFIRMED")
  expect(existsSync(agentKeyFile(id, "ci", env))).toBe(false)
  expect(await add(contentOf("ci"), env, "confirmed")).toMatchObject({ wasHere: false })
})

test("what lies there is not overwritten if nobody can tell whose it is", async () => {
  const { file } = await add(contentOf("ci"))
  const sealed = await sealedQuickly(contentOf("deploy"), PASSPHRASE)
  rmSync(file)
  writeFileSync(file, sealed, { mode: 0o600 })
  expect(await outcome(add(contentOf("ci")))).toBe("EXISTS")
  expect(readFileSync(file)).toEqual(sealed)
})

test("a key that others can read is listed as such", async () => {
  const { file } = await add(contentOf("ci"))
  chmodSync(file, 0o644)
  expect(await list()).toEqual([{ role: "agent", name: "ci", file, state: "opens", unsafe: true }])
})

test("only a key that an escrow brings back goes without a person's word", async () => {
  const identity = await generateIdentity("x25519")
  const recipient = await recipientOf(identity)
  await addAgent({ ...(await owner.request()), agent: "far", recipient })
  const ci = (await add(contentOf("ci"))).file
  const far = (await add(Buffer.from(`${identity}\n`))).file
  expect(await remove({ role: "agent", name: "ci" })).toBe(ci)
  expect(existsSync(ci)).toBe(false)
  expect(await outcome(remove({ role: "agent", name: "ci" }))).toBe("KEY_NOT_FOUND")
  expect(await outcome(remove({ role: "agent", name: "far" }))).toBe("UNCONFIRMED")
  expect(existsSync(far)).toBe(true)
  await add(readFileSync(ownerKeyFile(id, owner.env)))
  expect(await outcome(remove({ role: "owner" }))).toBe("UNCONFIRMED")
  expect(await remove({ role: "owner" }, "confirmed")).toBe(ownerKeyFile(id, agent.env))
  expect(await remove({ role: "agent", name: "far" }, "confirmed")).toBe(far)
  expect(await list()).toEqual([])
})
