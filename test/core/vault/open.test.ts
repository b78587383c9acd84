import { spawn } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest"
import { VaultError, claimedId, findVault, withVault } from "../../../src/core/index.js"
import { type World, vaultWorld } from "../world.js"

/** So old that it is not about to change. */
const SETTLED_MS = 150

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

/** Fails in the same way some times, and then no more; returns how often it was tried. */
async function failing(times: number, beside: (attempt: number) => void): Promise<number> {
  let attempts = 0
  await withVault(findVault(world.top), undefined, world.env, (vault) => {
    beside(++attempts)
    vault.files.read("secrets/stripe/api-key.json")
    if (attempts <= times) throw new VaultError("DIGEST_MISMATCH", "half of it is there")
  })
  return attempts
}

describe("what fails while a Git is at work is tried again", () => {
  test("as long as it holds the index", async () => {
    const lock = join(world.top, ".git/index.lock")
    writeFileSync(lock, "")
    await sleep(SETTLED_MS)
    expect(await failing(4, (attempt) => attempt === 5 && rmSync(lock))).toBe(5)
  })

  test("as long as it writes files", async () => {
    const file = join(world.top, ".agent-vault/secrets/stripe/api-key.json")
    const bytes = readFileSync(file)
    expect(await failing(4, () => writeFileSync(file, bytes))).toBe(5)
  })

  test("and when all is at rest, the failure is real", async () => {
    await sleep(SETTLED_MS)
    await expect(failing(100, () => {})).rejects.toThrow("half of it is there")
  })

  test("but not over and over while what was read is young", async () => {
    const file = join(world.top, ".agent-vault/secrets/stripe/api-key.json")
    writeFileSync(file, readFileSync(file))
    // By a clock that stands, it stays young.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() })
    onTestFinished(() => void vi.useRealTimers())
    setTimeout(() => vi.useRealTimers(), 4 * SETTLED_MS)
    let attempts = 0
    await expect(failing(100, (attempt) => (attempts = attempt))).rejects.toThrow("half of it")
    expect(attempts).toBeLessThanOrEqual(3)
  })
})
