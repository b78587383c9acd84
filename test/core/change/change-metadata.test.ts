import { readFileSync } from "node:fs"
import { afterEach, beforeEach, expect, test } from "vitest"
import type { SecretMetadata } from "../../../src/core/index.js"
import { findVault } from "../../../src/core/index.js"
import { changeMetadata, inspect } from "../../../src/core/owner.js"
import { outcome, type World, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

const NAME = "stripe/api-key"
const UNDER = { harness: "a harness" }

async function meta(
  metadata: SecretMetadata,
  options: { cleared?: readonly (keyof SecretMetadata)[]; under?: typeof UNDER } = {},
) {
  const request = await world.request()
  const { cleared, under } = options
  const identity = under === undefined ? request.identity : { ...request.identity, under }
  return changeMetadata({ ...request, identity, name: NAME, metadata, cleared })
}

function record(): Record<string, unknown> {
  const file = `${world.top}/.agent-vault/secrets/${NAME}.json`
  return JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>
}

test("only the record changes: version, digest and the time of the value stay", async () => {
  const before = record()
  const { files, result } = await meta({ description: "the live one", env: "STRIPE" })
  expect(files).toEqual([`secrets/${NAME}.json`])
  expect(result).toMatchObject({
    before: {},
    after: { description: "the live one", env: "STRIPE" },
  })
  const after = record()
  for (const kept of ["version", "digest", "changed", "created", "sealedTo"]) {
    expect([kept, after[kept]]).toEqual([kept, before[kept]])
  }
  expect(after).toMatchObject({ description: "the live one", env: "STRIPE" })
  expect(after["serial"]).toBe((before["serial"] as number) + 1)
  expect(await world.tryRead("ci", NAME)).toBe("old")
  const { identity: key } = await world.request()
  const place = findVault(world.top)
  const report = await inspect({ place, key, env: world.env, now: new Date(), history: true })
  expect(report.findings).toEqual([])
})

test("the value is not opened: it is not even asked whether it can be", async () => {
  const path = `.agent-vault/secrets/${NAME}.age`
  world.git("rm", "-q", "--cached", path)
  world.git("commit", "-qm", "the ciphertext is lost")
  world.git("clean", "-qfd", ".agent-vault")
  expect(await outcome(meta({ description: "still known" }))).toMatchObject({
    files: [`secrets/${NAME}.json`],
  })
})

test("what is cleared is gone, and the same again changes nothing", async () => {
  await meta({ description: "d", env: "E", expires: "2099-01-01T00:00:00Z" })
  expect((await meta({ description: "d" })).files).toEqual([])
  await meta({ env: "OTHER" }, { cleared: ["expires", "description"] })
  expect(record()).not.toHaveProperty("description")
  expect(record()).not.toHaveProperty("expires")
  expect(record()).toMatchObject({ env: "OTHER" })
  expect((await meta({}, { cleared: ["expires"] })).files).toEqual([])
})

test("under a harness, no model sees more without a person's word, by clearing neither", async () => {
  expect(await outcome(meta({ reveal: "never" }, { under: UNDER }))).toMatchObject({
    result: { after: { reveal: "never" } },
  })
  expect(await outcome(meta({ reveal: "confirm" }, { under: UNDER }))).toBe("UNCONFIRMED")
  expect(await outcome(meta({}, { cleared: ["reveal"], under: UNDER }))).toBe("UNCONFIRMED")
  expect(record()).toMatchObject({ reveal: "never" })
})

test("what no record may hold is refused, and so is a secret that is not there", async () => {
  expect(await outcome(meta({ description: "two\nlines" }))).toBe("USAGE")
  expect(await outcome(meta({ env: "NOT A VARIABLE" }))).toBe("NAME_INVALID")
  const request = await world.request()
  const name = "stripe/api-kex"
  expect(await outcome(changeMetadata({ ...request, name, metadata: { env: "E" } }))).toBe(
    "SECRET_NOT_FOUND",
  )
})
