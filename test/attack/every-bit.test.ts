// Any bit of any file of a vault, and any length that it is cut to: a reader gets the right value or
// an error that tells of the vault, `check` finds it, and nothing ends in a fault of the program.
// The tests try a seeded sample (AGENT_VAULT_SEED); everything with AGENT_VAULT_EVERY_BIT=1.
import { readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { env } from "node:process"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { inspect } from "../../src/core/check/inspect.js"
import { findVault } from "../../src/core/disk/place.js"
import { VaultError } from "../../src/core/words/errors.js"
import { type World, vaultWorld } from "../core/world.js"
import { seeded } from "../../scripts/seeded.mjs"

/** How many bits, and how many lengths, of each file are tried. */
const SAMPLE = 8
/** Files that no reader looks at: they are a wish, or Git's business. */
const UNSIGNED = new Set(["manifest.yaml", ".gitattributes"])

let template: World
let world: World

beforeAll(async () => {
  template = await vaultWorld()
  world = template.copy()
})

afterAll(() => {
  world.remove()
  template.remove()
})

/** All numbers below a limit, or a sample of them. */
function chosen(limit: number, next: () => number): number[] {
  if (env["AGENT_VAULT_EVERY_BIT"] !== undefined) return [...Array.from({ length: limit }).keys()]
  return Array.from({ length: Math.min(SAMPLE, limit) }, () => Math.floor(next() * limit))
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}

async function findings(): Promise<string[]> {
  try {
    const place = findVault(world.top)
    const report = await inspect({ place, env: world.env, now: new Date() })
    return report.findings.map(({ code }) => code)
  } catch (error) {
    if (!VaultError.is(error)) throw error
    return [error.code]
  }
}

function pathsOfVault(): string[] {
  const folder = join(template.top, ".agent-vault")
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

/** What went wrong with a change of a file, if anything. */
async function trouble(path: string, what: string): Promise<string | undefined> {
  const got = await world.tryRead("ci", "stripe/api-key")
  const isError = /^[A-Z_]+$/.test(got) && got !== "BUG"
  if (got !== "old" && !isError) return `${what}: the reader got ${JSON.stringify(got)}`
  const found = await findings()
  if (found.includes("BUG")) return `${what}: check ends in a fault`
  if (UNSIGNED.has(path)) return got === "old" ? undefined : `${what}: the reader got ${got}`
  return found.length > 0 ? undefined : `${what}: check finds nothing`
}

describe("changed in a bit, or cut", () => {
  test("is every file of the vault, of each kind", async () => {
    const troubles: (string | undefined)[] = []
    const next = seeded(Number(env["AGENT_VAULT_SEED"] ?? 1))
    for (const path of pathsOfVault()) {
      const file = join(world.top, ".agent-vault", path)
      const bytes = readFileSync(file)
      for (const bit of chosen(bytes.length * 8, next)) {
        writeFileSync(file, flipped(bytes, bit))
        troubles.push(await trouble(path, `${path}, bit ${bit}`))
      }
      for (const length of chosen(bytes.length, next)) {
        writeFileSync(file, bytes.subarray(0, length))
        troubles.push(await trouble(path, `${path}, cut to ${length}`))
      }
      writeFileSync(file, bytes)
    }
    expect(troubles.filter((each) => each !== undefined)).toEqual([])
    expect(troubles.length).toBeGreaterThan(200)
    expect(await findings()).toEqual([])
    expect(await world.read("ci", "stripe/api-key")).toBe("old")
  })
})
