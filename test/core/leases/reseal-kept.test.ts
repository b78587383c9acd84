import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { generateIdentity, recipientOf, seal, unseal } from "../../../src/core/age/age.js"
import { successorsHome } from "../../../src/core/leases/keepers.js"
import { resealKept } from "../../../src/core/leases/reseal-kept.js"

/** Of a length that nothing else here has. */
const TOKEN = "not-a-real-token-".padEnd(3331, "x")
const VAULT = "v".repeat(32)

const [owner, before, after] = [
  await generateIdentity("x25519"),
  await generateIdentity("x25519"),
  await generateIdentity("x25519"),
]
let home: string
let file: string
const env = (): Record<string, string> => ({ XDG_STATE_HOME: home })

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "agent-vault-kept-"))
  file = join(successorsHome(VAULT, env()), "agents", "ci", "token.age")
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const recipients = [await recipientOf(before), await recipientOf(owner)]
  writeFileSync(file, await seal(Buffer.from(TOKEN), recipients), { mode: 0o600 })
})
afterEach(() => {
  rmSync(home, { recursive: true })
})

/** How many arrays of the token's length are overwritten while something is done. */
async function overwritten(act: () => Promise<unknown>): Promise<number> {
  let count = 0
  const { prototype } = Uint8Array
  const fill: unknown = Reflect.get(prototype, "fill")
  prototype.fill = function (...args) {
    if (this.length === TOKEN.length && args[0] === 0) count++
    return Reflect.apply(fill as typeof prototype.fill, this, args)
  }
  try {
    await act()
    return count
  } finally {
    // It is inherited.
    Reflect.deleteProperty(prototype, "fill")
  }
}

/** Seals it to a new key, and to these owners. */
async function resealed(owners: readonly string[]) {
  const agent = { name: "ci", recipient: await recipientOf(after), owners }
  return resealKept(VAULT, agent, owner, env())
}

test("a token that is kept is sealed to a new key, and overwritten in memory", async () => {
  const owners = [await recipientOf(owner)]
  const count = await overwritten(async () => expect(await resealed(owners)).toEqual([]))
  expect(count).toBe(1)
  const sealed = readFileSync(file)
  expect(Buffer.from(await unseal(sealed, [after])).toString()).toBe(TOKEN)
  await expect(unseal(sealed, [before])).rejects.toMatchObject({ code: "NOT_A_READER" })
})

test("one that cannot be sealed stays as it was, and is overwritten in memory as well", async () => {
  const postQuantum = await recipientOf(await generateIdentity("mlkem768x25519"))
  const count = await overwritten(async () =>
    expect(await resealed([postQuantum])).toMatchObject([{ code: "KEYS_MIXED" }]),
  )
  expect(count).toBe(1)
  expect(Buffer.from(await unseal(readFileSync(file), [before])).toString()).toBe(TOKEN)
})
