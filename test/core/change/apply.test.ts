import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import {
  agentKeyFile,
  claimedId,
  describeSecrets,
  findVault,
  withVault,
} from "../../../src/core/index.js"
import { inspect, rekeyAgent } from "../../../src/core/owner.js"
import { testWithStockAge } from "../../stock-age.js"
import { type World, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

function keyOf({ env, top }: World, agent: string): string {
  return agentKeyFile(claimedId(findVault(top)), agent, env)
}

describe("a secret that was set on one branch while its group was rekeyed on another", () => {
  beforeEach(async () => {
    world.git("checkout", "--quiet", "-b", "feature")
    await world.set("stripe/new", "set-meanwhile")
    world.git("checkout", "--quiet", "main")
    await world.grant("deploy", "stripe")
    await world.revoke("ci", "stripe")
    world.git("merge", "--quiet", "--message", "merge", "feature")
  })

  test("is refused until an owner applies, and not called tampering", async () => {
    expect(await world.tryRead("deploy", "stripe/new")).toBe("SEALED_TO_OLD_KEY")
    expect(await world.tryRead("deploy", "stripe/api-key")).toBe("old")
  })

  test("is re-encrypted from the earlier key by apply, and exposed to who lost access", async () => {
    const { files } = await world.apply()
    expect(files).toEqual(["secrets/stripe/new.age", "secrets/stripe/new.json"])
    expect(await world.tryRead("deploy", "stripe/new")).toBe("set-meanwhile")
    expect(await world.tryRead("ci", "stripe/new")).toBe("NOT_GRANTED")
    const place = findVault(world.top)
    const secrets = await withVault(place, undefined, world.env, describeSecrets)
    const exposed = secrets.find(({ name }) => name === "stripe/new")?.exposed
    expect(exposed).toMatchObject([{ agent: "ci", why: "revoked" }])
    expect((await world.apply()).files).toEqual([])
  })

  testWithStockAge(
    "by stock age: the earlier key opened it, and none but the new one does",
    "classic",
    async ({ age }) => {
      const sealed = ".agent-vault/secrets/stripe/new.age"
      const of = (agent: string): string => keyOf(world, agent)
      const before = world.bytes("show", `HEAD:${sealed}`)
      const [earlier, present] = ["main^1~2", "HEAD"].map((at) =>
        world.bytes("show", `${at}:.agent-vault/groups/stripe.age`),
      )
      const open = (agent: string, group: Buffer | undefined, value: Buffer): string => {
        const key = join(world.folder, "stock.key")
        try {
          writeFileSync(key, age(["-d", "-i", of(agent)], group))
          return Buffer.from(age(["-d", "-i", key], value)).toString()
        } catch {
          return "closed"
        } finally {
          rmSync(key, { force: true })
        }
      }
      expect(open("ci", earlier, before)).toBe("set-meanwhile")
      expect(open("deploy", present, before)).toBe("closed")
      await world.apply()
      const after = world.bytes("show", `HEAD:${sealed}`)
      expect(open("ci", earlier, after)).toBe("closed")
      expect(open("ci", present, after)).toBe("closed")
      expect(open("deploy", present, after)).toBe("set-meanwhile")
      const past = world.bytes("show", "HEAD:.agent-vault/groups/stripe.past.age")
      expect(open("deploy", past, before)).toBe("closed")
      expect(open("ci", past, before)).toBe("closed")
    },
  )
})

test("after an agent's rekey, check speaks of its earlier key, not of the agent", async () => {
  const request = await world.request()
  await rekeyAgent({ ...request, agent: "ci" })
  const { findings } = await inspect({ place: request.place, env: world.env, now: new Date() })
  const exposed = findings.find(({ code }) => code === "EXPOSED")
  expect(exposed?.message).toBe("could be read by an earlier key of ci")
})
