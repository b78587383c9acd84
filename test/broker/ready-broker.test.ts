import { setImmediate } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { type ReadyBroker, readyBroker } from "../../src/broker/ready-broker.js"
import {
  type BrokeredVault,
  findVault,
  identityAt,
  noAudit,
  openBrokered,
  parseSecretName,
} from "../../src/core/index.js"
import { changeUse } from "../../src/core/owner.js"
import { type World, vaultWorld } from "../core/world.js"
import { useAt } from "./proxy/broker-world.js"

// What a broker has learned is forgotten, also if its run ends while it learns.

const NAME = "stripe/api-key"
const noPassphrase = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))
let world: World
let ready: ReadyBroker
let vault: BrokeredVault
let closed: number
/** What the broker learned. */
let handedOut: Awaited<ReturnType<BrokeredVault["unseen"]>>["reads"]
/** Lets the vault be read. */
let read: (outcome: "read" | Error) => void

beforeEach(async () => {
  world = await vaultWorld()
  const rules = [useAt({ authority: "api.example.com" })]
  await changeUse({ ...(await world.request()), name: NAME, edit: { do: "add", rules } })
  const place = findVault(world.vaultFolder)
  const key = await identityAt(place, { agent: "ci" }, "never", world.env, noPassphrase)
  vault = await openBrokered({ place, key, env: world.env, audit: noAudit() }, [
    parseSecretName(NAME),
  ])
  closed = 0
  const gate = new Promise<"read" | Error>((resolve) => (read = resolve))
  const slow = {
    names: vault.names,
    bound: () => vault.bound(),
    note: () => {},
    send: () => Promise.reject(new Error("nothing is sent")),
    values: () => vault.values(),
    unseen: async () => {
      const outcome = await gate
      if (outcome !== "read") throw outcome
      const found = await vault.unseen()
      handedOut = found.reads
      return found
    },
    close: () => {
      closed += 1
      vault.close()
    },
  }
  const strictness = { unbound: "deny", gate: { models: "redact", others: "refuse" } } as const
  ready = await readyBroker({ vault: slow, env: world.env, allowed: [], ...strictness })
})
afterEach(() => {
  world.remove()
})

describe("a run that ends", () => {
  beforeEach(async () => {
    await ready.prepare()
  })

  test("while the broker learns: what it learned by then is forgotten when it is there", async () => {
    ready.learn()
    const ended = ready.close()
    await setImmediate()
    expect(closed).toBe(0)
    read("read")
    await ended
    expect(closed).toBe(1)
    expect(handedOut.map(({ name }) => name.full)).toContain(NAME)
    expect(handedOut.every(({ value }) => value.every((byte) => byte === 0))).toBe(true)
  })

  test("while the broker learns, and fails: the vault is closed", async () => {
    ready.learn()
    const ended = ready.close()
    read(new Error("gone"))
    await ended
    expect(closed).toBe(1)
  })

  test("before the broker begins to learn: the vault is closed", async () => {
    await ready.close()
    expect(closed).toBe(1)
  })
})

test("a broker that was never prepared is closed with its vault", async () => {
  await ready.close()
  expect(closed).toBe(1)
})
