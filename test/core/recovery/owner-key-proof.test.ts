import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { generateIdentity, recipientOf } from "../../../src/core/age/age.js"
import {
  type Key,
  agentKeyFile,
  claimedId,
  findVault,
  ownerKeyFile,
  withVault,
} from "../../../src/core/index.js"
import { keyFileBytes, keyIn, proveOwnerKey, trustOf } from "../../../src/core/owner.js"
import { VaultError } from "../../../src/core/words/errors.js"
import { identityOf, keysOf, vectorsFolder } from "../records/vectors.js"
import { type World, outcome, vaultWorld } from "../world.js"

let template: World
let world: World
let id: string

beforeAll(async () => {
  template = await vaultWorld()
  await template.revoke("ci", "stripe")
  await template.grant("ci", "stripe")
})
beforeEach(() => {
  world = template.copy()
  id = claimedId(findVault(world.top))
})
afterEach(() => world.remove())
afterAll(() => template.remove())

const nobody = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))
const keyOf = (file: string): Promise<Key> => keyIn(keyFileBytes(file), "the backup", nobody)
const own = (): Promise<Key> => keyOf(ownerKeyFile(id, world.env))

function prove(key: Key, env = world.env) {
  return withVault(findVault(world.top), trustOf(key, id, env), env, (vault) =>
    proveOwnerKey(vault, key, "the backup"),
  )
}

/** The message of the error that some work ends with. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return VaultError.is(error) ? `${error.code}: ${error.message}` : String(error)
}

test("an owner's key opens every group, earlier keys too, and every escrow", async () => {
  expect(await prove(await own())).toMatchObject({
    owner: "alice",
    groups: ["stripe"],
    escrows: ["ci", "deploy"],
    withoutEscrow: [],
  })
})

test("a bare identity proves as much, on a machine that trusts nobody", async () => {
  const { identity, recipient } = await own()
  const env = { ...world.env, XDG_STATE_HOME: join(world.folder, "new-state") }
  expect(await prove({ identity, recipient }, env)).toMatchObject({ owner: "alice" })
})

test("a stranger's key is not an owner's, also where its file says so", async () => {
  const identity = await generateIdentity("x25519")
  const key = { identity, recipient: await recipientOf(identity), vault: id }
  expect(await refusal(prove(key))).toContain("NOT_OWNER: the key in the backup is not that of")
  expect(await refusal(prove({ ...key, owner: "alice" }))).toContain("not the present key of alice")
  const env = { ...world.env, XDG_STATE_HOME: join(world.folder, "new-state") }
  expect(await outcome(prove(key, env))).toBe("UNTRUSTED")
})

test("an agent's key, and the key of another vault", async () => {
  const agent = await keyOf(agentKeyFile(id, "ci", world.env))
  expect(await refusal(prove(agent))).toContain("is of the agent ci, not of an owner")
  const other = { ...(await own()), vault: "0".repeat(32) }
  expect(await outcome(prove(other))).toBe("KEY_WRONG_VAULT")
})

test("a removed owner's key is told as one, and a present one of the same vault proven", async () => {
  const { vault, trust } = keysOf("owners")
  const folder = join(vectorsFolder, "owners", "vault")
  const env = { ...world.env, AGENT_VAULT_TRUST: trust }
  const proven = async (name: string) => {
    const identity = identityOf("owners", name)
    const key = { identity, recipient: await recipientOf(identity), vault }
    return withVault(findVault(folder), undefined, env, (each) => proveOwnerKey(each, key, "it"))
  }
  expect(await refusal(proven("carol"))).toBe(
    "NOT_OWNER: the key in it is of carol, who was removed as an owner",
  )
  expect(await proven("dave")).toMatchObject({ owner: "dave" })
})

test.each(["groups/stripe.age", "groups/stripe.past.age", "agents/deploy.age"])(
  "a damaged %s is found, and named",
  async (path) => {
    const file = join(world.top, ".agent-vault", path)
    const bytes = readFileSync(file)
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    writeFileSync(file, bytes)
    expect(await refusal(prove(await own()))).toContain(`DIGEST_MISMATCH: ${path}`)
  },
)
