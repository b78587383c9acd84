import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, expect, test, vi } from "vitest"
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
  vi.restoreAllMocks()
  rmSync(home, { recursive: true })
})

/** Seals it to a new key and to these owners; what of the token's length was overwritten meanwhile. */
async function resealed(owners: readonly string[]) {
  const [bytes, buffers] = [
    vi.spyOn(Uint8Array.prototype, "fill"),
    vi.spyOn(Buffer.prototype, "fill"),
  ]
  const agent = { name: "ci", recipient: await recipientOf(after), owners }
  const faults = await resealKept(VAULT, agent, owner, env())
  const overwritten = [...bytes.mock.contexts, ...buffers.mock.contexts].filter(
    ({ length }) => length === TOKEN.length,
  )
  return { faults, overwritten }
}

test("a token that is kept is sealed to a new key, and overwritten in memory", async () => {
  const { faults, overwritten } = await resealed([await recipientOf(owner)])
  expect(faults).toEqual([])
  expect(overwritten).toHaveLength(1)
  const sealed = readFileSync(file)
  expect(Buffer.from(await unseal(sealed, [after])).toString()).toBe(TOKEN)
  await expect(unseal(sealed, [before])).rejects.toMatchObject({ code: "NOT_A_READER" })
})

test("one that cannot be sealed stays as it was, and is overwritten in memory as well", async () => {
  const postQuantum = await recipientOf(await generateIdentity("mlkem768x25519"))
  const { faults, overwritten } = await resealed([postQuantum])
  expect(faults).toMatchObject([{ code: "KEYS_MIXED" }])
  expect(overwritten).toHaveLength(1)
  expect(Buffer.from(await unseal(readFileSync(file), [before])).toString()).toBe(TOKEN)
})
