import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import {
  type AgentVault,
  claimedId,
  findVault,
  openVault,
  parseSecretName,
} from "../../../src/core/index.js"
import {
  agreeToReference,
  agreements,
  referenceFingerprint,
  removeSecrets,
  setPolicy,
  setSecret,
  takeBack,
} from "../../../src/core/owner.js"
import { type World, outcome, vaultWorld } from "../world.js"

const NAME = parseSecretName("stripe/api-key")
const REFERENCE = "op://CI/Stripe/password"

let template: World
let world: World
let vault: AgentVault

beforeAll(async () => {
  template = await vaultWorld()
  await put(template)
})
beforeEach(async () => {
  world = template.copy().withPrograms()
  vault = await openVault({ dir: world.top, agent: "ci", env: world.env })
})
afterEach(async () => {
  await vault.close()
  world.remove()
})
afterAll(() => template.remove())

/** An owner points to the store, or says again that the value is another one there. */
async function put(where: World, now = new Date()): Promise<void> {
  const request = { ...(await where.request()), now, name: NAME.full, metadata: {} }
  const value = Buffer.from(REFERENCE)
  await setSecret({ ...request, value, source: { store: "op", keep: 300 } })
}

const asked = (): string => join(world.folder, "asked")

/** A program that speaks as 1Password's does. */
function store(script: string): void {
  const file = join(world.folder, "bin", "op")
  writeFileSync(file, `#!/bin/sh\necho $$ >> ${asked()}\n${script}\n`)
  chmodSync(file, 0o755)
}

function agree(): void {
  const fingerprint = referenceFingerprint(NAME, REFERENCE)
  agreeToReference(claimedId(findVault(world.top)), NAME, fingerprint, world.env)
}

function takeBackAll(): void {
  const id = claimedId(findVault(world.top))
  for (const agreement of agreements(id, world.env)) takeBack(id, agreement, world.env)
}

test("get fetches nothing where nobody agreed; then the value, and keeps it", async () => {
  store("printf one")
  expect(await outcome(vault.get(NAME.full))).toBe("SOURCE_UNAGREED")
  expect(existsSync(asked())).toBe(false)
  agree()
  const values = [await vault.get(NAME.full), (await vault.getMany([NAME.full]))[NAME.full]]
  expect(values.map((value) => value?.reveal())).toEqual(["one", "one"])
  expect(readFileSync(asked(), "utf8").trim().split("\n")).toHaveLength(1)
})

test("what is kept is of its version: an owner who says that it was changed there ends it", async () => {
  store("printf one")
  agree()
  const before = await vault.get(NAME.full)
  store("printf two")
  await world.grant("deploy", "stripe")
  await world.revoke("deploy", "stripe")
  await put(world)
  const value = await vault.get(NAME.full)
  expect([before, value].map((each) => each.reveal())).toEqual(["one", "two"])
  expect(value.version).toBe(before.version + 1)
})

test("so does one who removes the secret and makes it anew, which begins with version 1 again", async () => {
  const remake = async (now: Date): Promise<void> => {
    await removeSecrets({ ...(await world.request()), names: [NAME.full] })
    await put(world, now)
  }
  await remake(new Date())
  store("printf one")
  agree()
  expect((await vault.get(NAME.full)).reveal()).toBe("one")
  store("printf two")
  await remake(new Date(Date.now() + 1000))
  const { version } = await vault.get(NAME.full)
  expect([version, (await vault.get(NAME.full)).reveal()]).toEqual([1, "two"])
})

test("what a store gave leaves no more once the agreement was taken back meanwhile", async () => {
  const go = join(world.folder, "go")
  store(`until [ -e ${go} ]; do sleep 0.01; done; printf one`)
  agree()
  const reading = outcome(vault.get(NAME.full))
  while (!existsSync(asked())) await delay(5)
  takeBackAll()
  writeFileSync(go, "")
  expect(await reading).toBe("SOURCE_UNAGREED")
})

test("what is kept is handed out no more once the agreement is taken back", async () => {
  store("printf one")
  agree()
  await vault.get(NAME.full)
  takeBackAll()
  expect(await outcome(vault.get(NAME.full))).toBe("SOURCE_UNAGREED")
})

test("what is kept ends with the access to it", async () => {
  store("printf one")
  agree()
  await vault.get(NAME.full)
  await world.revoke("ci", "stripe")
  expect(await outcome(vault.get(NAME.full))).toBe("NOT_GRANTED")
})

test("a store is not asked for what a policy denies", async () => {
  store("printf one")
  agree()
  const rules = "version: 1\nrules: [{ name: none, when: 'true', effect: deny }]\n"
  await setPolicy(await world.request(), { file: "rules.yaml", bytes: Buffer.from(rules) })
  expect(await outcome(vault.get(NAME.full))).toBe("POLICY_REFUSED")
  expect(existsSync(asked())).toBe(false)
})

test("a vault that is closed waits for no store any more, and ends its program", async () => {
  store("exec sleep 600")
  agree()
  const reading = outcome(vault.get(NAME.full))
  while (!existsSync(asked())) await delay(5)
  await vault.close()
  expect(await reading).toBe("SOURCE_FAILED")
})
