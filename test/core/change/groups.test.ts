import { afterEach, beforeEach, expect, test } from "vitest"
import {
  agentKeyFile,
  claimedId,
  describeSecrets,
  findVault,
  withVault,
} from "../../../src/core/index.js"
import { addGroup, inspect, removeGroup, renewGroupKey } from "../../../src/core/owner.js"
import { testWithStockAge } from "../../stock-age.js"
import { outcome, type World, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

async function findings(): Promise<string[]> {
  const { identity: key } = await world.request()
  const place = findVault(world.top)
  const report = await inspect({ place, key, env: world.env, now: new Date(), history: true })
  expect(report.pending?.groups).toEqual([])
  return report.findings.map(({ code }) => code)
}

async function remove(group: string, withSecrets: boolean) {
  return removeGroup({ ...(await world.request()), group, withSecrets })
}

test("a group is made without secrets, and is there once", async () => {
  const request = await world.request()
  const { files } = await addGroup({ ...request, group: "mail", description: "what sends mail" })
  expect(files).toEqual(["groups/mail.age", "groups/mail.json", "manifest.yaml"])
  expect(world.git("show", "HEAD:.agent-vault/manifest.yaml")).toContain(
    "mail: { description: what sends mail }",
  )
  expect(await outcome(addGroup({ ...(await world.request()), group: "mail" }))).toBe("EXISTS")
  expect(await outcome(addGroup({ ...(await world.request()), group: "Mail" }))).toBe(
    "NAME_INVALID",
  )
  await world.grant("ci", "mail")
  await world.set("mail/key", "value")
  expect(await world.tryRead("ci", "mail/key")).toBe("value")
  expect(await findings()).toEqual([])
})

test("a group with secrets is refused, unless they go with it", async () => {
  expect(await outcome(remove("stripe", false))).toBe("USAGE")
  expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
  const { result } = await remove("stripe", true)
  expect(result.removed.map(({ name, readers }) => [name, readers])).toEqual([
    ["stripe/api-key", [{ agent: "ci" }]],
    ["stripe/webhook", [{ agent: "ci" }]],
  ])
  expect(result.plan.groups).toMatchObject([
    { group: "stripe", is: "gone", losses: [{ agent: "ci" }] },
  ])
  expect(world.git("ls-tree", "-r", "--name-only", "HEAD", ".agent-vault")).not.toContain("stripe")
  expect(await findings()).toEqual([])
  expect(await outcome(remove("stripe", true))).toBe("GROUP_NOT_FOUND")
})

test("a group that is made anew has another key, goes on counting, and lets nobody in", async () => {
  const before = world.git("show", "HEAD:.agent-vault/groups/stripe.json")
  await remove("stripe", true)
  await addGroup({ ...(await world.request()), group: "stripe" })
  await world.set("stripe/api-key", "anew")
  expect(await world.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
  const after = world.git("show", "HEAD:.agent-vault/groups/stripe.json")
  const [was, is] = [before, after].map(
    (text) => JSON.parse(text) as { epoch: number; serial: number; recipient: string },
  )
  expect(is?.epoch).toBe((was?.epoch ?? 0) + 1)
  expect(is?.serial).toBeGreaterThan(was?.serial ?? 0)
  expect(is?.recipient).not.toBe(was?.recipient)
})

testWithStockAge(
  "after a rekey the same agents read on, and by stock age the earlier key opens nothing new",
  "classic",
  async ({ age }) => {
    const key = agentKeyFile(claimedId(findVault(world.top)), "ci", world.env)
    const earlier = age(["-d", "-i", key, `${world.top}/.agent-vault/groups/stripe.age`]).toString()
    const { result } = await renewGroupKey({ ...(await world.request()), group: "stripe" })
    expect(result).toMatchObject({
      epoch: 2,
      readers: [{ agent: "ci" }],
      secrets: ["stripe/api-key", "stripe/webhook"],
    })
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
    world.write("earlier.key", earlier)
    const sealed = `${world.top}/.agent-vault/secrets/stripe/api-key.age`
    expect(() => age(["-d", "-i", `${world.top}/earlier.key`, sealed])).toThrow()
    const secrets = await withVault(findVault(world.top), undefined, world.env, describeSecrets)
    const exposed = [{ agent: "ci", why: "rekeyed" }]
    expect(secrets).toMatchObject([{ exposed }, { exposed }])
    expect(await findings()).toEqual(["EXPOSED", "EXPOSED"])
  },
)

test("a rekey asks for what is pending first, and lets nobody in who was taken out", async () => {
  const manifest = world.git("show", "HEAD:.agent-vault/manifest.yaml")
  world.write(
    ".agent-vault/manifest.yaml",
    `${manifest.replace(/^grants:\n.*agent: ci.*$/m, "grants: []")}\n`,
  )
  world.git("commit", "-qam", "ci leaves stripe")
  const request = await world.request()
  expect(await outcome(renewGroupKey({ ...request, group: "stripe" }))).toBe("PENDING")
  expect(await outcome(renewGroupKey({ ...request, group: "strype" }))).toBe("GROUP_NOT_FOUND")
})
