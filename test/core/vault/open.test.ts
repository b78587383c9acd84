import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { claimedId, findVault } from "../../../src/core/index.js"
import { type World, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

const record = (): string => join(world.top, ".agent-vault/vault.json")

test("a vault.json that Git is writing is read again, and is not damaged", async () => {
  const whole = readFileSync(record(), "utf8")
  const id = claimedId(findVault(world.top))
  writeFileSync(record(), whole.slice(0, 100))
  // Another process writes the rest, as a checkout does, while this one reads and waits.
  const rest = `
    const { appendFileSync } = require("node:fs")
    process.stdout.write("ready")
    process.stdin.once("data", () => appendFileSync(process.argv[1], process.argv[2]))`
  const writer = spawn(process.execPath, ["-e", rest, record(), whole.slice(100)])
  await new Promise((resolve) => writer.stdout.once("data", resolve))
  writeFileSync(record(), whole.slice(0, 100))
  writer.stdin.end("now")
  expect(claimedId(findVault(world.top))).toBe(id)
  await new Promise((resolve) => writer.once("close", resolve))
})

test("a vault.json that stays cut off is said to be", () => {
  writeFileSync(record(), readFileSync(record(), "utf8").slice(0, 100))
  expect(() => claimedId(findVault(world.top))).toThrow(
    expect.objectContaining({ code: "RECORD_INVALID" }),
  )
})
