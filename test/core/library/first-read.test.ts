import { afterEach, expect, test, vi } from "vitest"
import { openVault } from "../../../src/core/index.js"
import { vaultWorld } from "../world.js"

afterEach(() => {
  vi.restoreAllMocks()
})

test("many secrets that are read for the first time are read, however slow the machine is", async () => {
  const world = await vaultWorld()
  try {
    await using vault = await openVault({ dir: world.top, agent: "ci", env: world.env })
    // Each look at the clock is longer after the one before than a reader has patience.
    let now = Date.now()
    vi.spyOn(Date, "now").mockImplementation(() => (now += 10_000))
    const values = await vault.getMany(["stripe/api-key", "stripe/webhook"])
    expect(Object.keys(values)).toEqual(["stripe/api-key", "stripe/webhook"])
  } finally {
    world.remove()
  }
})
