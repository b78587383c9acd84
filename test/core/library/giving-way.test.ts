import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { type OwnerVault, openOwnerVault } from "../../../src/core/owner.js"
import { type World, vaultWorld } from "../world.js"

/** What takes long lets the process hear of a signal meanwhile. */
let world: World

beforeAll(async () => {
  world = await vaultWorld()
})
afterAll(() => world.remove())

const THREE = ["one", "two", "three"].map((name) => {
  return { name: `mail/${name}`, value: Buffer.from(`not a value, ${name}`) }
})

test.each<[what: string, work: (vault: OwnerVault) => Promise<unknown>]>([
  ["sealing secrets", (vault) => vault.setMany(THREE)],
  ["re-encrypting secrets", (vault) => vault.rekeyGroup("mail")],
  ["checking files", (vault) => vault.check()],
])("%s", async (what, work) => {
  const turns: number[] = []
  let turn = 0
  const count = (): void => {
    turn += 1
    next = setImmediate(count)
  }
  let next = setImmediate(count)
  // Each step takes longer than such work may go on without giving way.
  let now = Date.now()
  const clock = vi.spyOn(Date, "now").mockImplementation(() => (now += 100))
  try {
    await using vault = await openOwnerVault({
      dir: world.top,
      env: world.env,
      onProgress: (_done, _total, which) => {
        if (which === what) turns.push(turn)
      },
    })
    await work(vault)
  } finally {
    clock.mockRestore()
    clearImmediate(next)
  }
  expect(turns.length).toBeGreaterThan(2)
  expect(new Set(turns).size).toBe(turns.length)
})
