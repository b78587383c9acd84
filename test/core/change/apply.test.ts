import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { describeSecrets, findVault, withVault } from "../../../src/core/index.js"
import { inspect, rekeyAgent } from "../../../src/core/owner.js"
import { type World, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

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
    expect(exposed?.map(({ agent, why }) => [agent, why])).toEqual([["ci", "revoked"]])
    expect((await world.apply()).files).toEqual([])
  })
})

test("after an agent's rekey, check speaks of its earlier key, not of the agent", async () => {
  const request = await world.request()
  await rekeyAgent({ ...request, agent: "ci" })
  const { findings } = await inspect({ place: request.place, env: world.env, now: new Date() })
  const exposed = findings.find(({ code }) => code === "EXPOSED")
  expect(exposed?.message).toBe("could be read by an earlier key of ci")
})
