import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, readdirSync, realpathSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type World, outcome, vaultWorld } from "../world.js"
import { openVault } from "../../../src/core/index.js"

let world: World

beforeAll(async () => {
  world = await vaultWorld()
  const vault = await openVault({ dir: world.top, agent: "ci", env: world.env })
  await vault.get("stripe/api-key")
  await vault.close()
})
afterAll(() => world.remove())

const sha256 = (text: string | Uint8Array): string =>
  createHash("sha256").update(text).digest("hex")
const state = (): string => join(world.env["XDG_STATE_HOME"] ?? "", "agent-vault")
const record = (path: string): string => join(world.top, ".agent-vault", path)
const clone = (): string => sha256(realpathSync(join(world.top, ".git"))).slice(0, 32)
const branch = (): string => sha256("refs/heads/main").slice(0, 32)
const known = (): string =>
  join(state(), "sites", clone(), sha256("refs/heads/main\n.agent-vault").slice(0, 32))

// What the programs of today remember, those of tomorrow must find: these names are a format.
describe("what is remembered lies where docs/format.md says", () => {
  test("the marks of this branch", () => {
    const bytes = readFileSync(record("groups/stripe.json"))
    const { vault, epoch, serial } = JSON.parse(String(bytes)) as {
      vault: string
      epoch: number
      serial: number
    }
    const folder = join(state(), vault, "marks", clone(), branch(), "groups/stripe.json")
    expect(readdirSync(folder).sort().at(-1)).toBe(`${epoch}.${serial}-${sha256(bytes)}`)
    const ofUser = join(state(), vault, "marks/any/groups/stripe.json")
    expect(readdirSync(ofUser)).toContain(`${epoch}.0-${sha256(bytes)}`)
  })

  test("the known vault of a place; another one there is refused", async () => {
    const { vault } = JSON.parse(readFileSync(record("vault.json"), "utf8")) as { vault: string }
    expect(readFileSync(known(), "utf8")).toBe(`${vault}\n`)
    writeFileSync(known(), `${"0".repeat(32)}\n`)
    const opened = openVault({ dir: world.top, agent: "ci", env: world.env })
    expect(await outcome(opened)).toBe("FOREIGN_VAULT")
    writeFileSync(known(), `${vault}\n`)
  })

  test("a mark that another program wrote counts", async () => {
    const { vault } = JSON.parse(readFileSync(record("vault.json"), "utf8")) as { vault: string }
    const path = "secrets/stripe/api-key.json"
    const mark = join(state(), vault, "marks", clone(), branch(), path, `0.999-${"a".repeat(64)}`)
    mkdirSync(dirname(mark), { recursive: true })
    writeFileSync(mark, "")
    const reader = await openVault({ dir: world.top, agent: "ci", env: world.env })
    expect(await outcome(reader.get("stripe/api-key"))).toBe("ROLLED_BACK")
    await reader.close()
  })
})
