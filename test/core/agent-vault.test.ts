import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { type ReadEvent, openVault } from "../../src/core/index.js"
import { type World, vaultWorld } from "./world.js"

let template: World
let world: World

beforeAll(async () => {
  template = await vaultWorld()
})
afterEach(() => world.remove())
afterAll(() => template.remove())

describe("an agent's vault", () => {
  test("reads, from memory the second time, and tells of each read", async () => {
    world = template.copy()
    const events: ReadEvent[] = []
    await using vault = await openVault({
      dir: world.top,
      agent: "ci",
      env: world.env,
      onRead: (event) => events.push(event),
    })
    expect((await vault.get("stripe/api-key")).reveal()).toBe("old")
    await new Promise((resolve) => setTimeout(resolve, 150))
    await vault.get("stripe/api-key")
    const start = performance.now()
    for (let i = 0; i < 1000; i++) await vault.get("stripe/api-key")
    console.log((performance.now() - start) / 1000, "ms a get")
    expect(events).toHaveLength(1002)
    await world.set("stripe/api-key", "new")
    expect((await vault.get("stripe/api-key")).reveal()).toBe("new")
    console.log(await vault.list(), await vault.access(), await vault.get("stripe/api-key"))
    await world.revoke("ci", "stripe")
    await expect(vault.get("stripe/api-key")).rejects.toMatchObject({ code: "NOT_GRANTED" })
  })
})
