import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { inspect } from "node:util"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { agentKeyFile, openVault } from "../../../src/core/index.js"
import { type OwnerVault, openOwnerVault } from "../../../src/core/owner.js"
import { type World, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

function openOwner(): Promise<OwnerVault> {
  return openOwnerVault({ dir: world.top, env: world.env })
}

describe("an owner's vault", () => {
  test("does a life of a secret: set, grant, read, revoke, exposed", async () => {
    await using vault = await openOwner()
    const { key, agent, commit } = await vault.addAgent("robot")
    expect([agent, commit]).toEqual(["robot", expect.stringMatching(/^[0-9a-f]{40}$/)])
    const set = await vault.set("mail/token", "hunter22", { env: "MAIL", description: "smtp" })
    expect(set).toMatchObject({ name: "mail/token", version: 1, is: "new", newGroup: true })
    await vault.grant("robot", ["mail"], { for: "30d", reason: "newsletter" })

    await using robot = await openVault({
      dir: world.top,
      identity: key?.reveal() ?? "",
      env: world.env,
    })
    expect((await robot.get("mail/token")).reveal()).toBe("hunter22")
    const { exposed } = await vault.revoke("robot", "all")
    expect(exposed).toMatchObject([{ secret: "mail/token", to: [{ agent: "robot" }] }])
    await expect(robot.get("mail/token")).rejects.toMatchObject({ code: "NOT_GRANTED" })
    expect((await vault.get("mail/token")).reveal()).toBe("hunter22")
    expect(world.git("status", "--porcelain")).toBe("")
  })

  test("says that a value lies in another store, and with which tags", async () => {
    await using vault = await openOwner()
    const [name, reference] = ["stripe/api-key", "op://CI/Stripe/password"]
    const set = await vault.setSource(name, reference, { tags: "pci,prod" }, { keep: "1h" })
    expect(set).toMatchObject({ name, version: 2, is: "new version" })
    expect(await vault.describe(name)).toMatchObject({
      source: { store: "op", keep: 3600 },
      tags: "pci,prod",
    })
    await expect(vault.get(name)).rejects.toMatchObject({ code: "SOURCE_UNAGREED" })
    const refused = (text: string, keep?: string) =>
      vault.setSource(name, text, {}, keep === undefined ? {} : { keep })
    await expect(refused("https://example.com")).rejects.toMatchObject({ code: "USAGE" })
    await expect(refused(reference, "2d")).rejects.toMatchObject({ code: "USAGE" })
    await vault.set(name, "in the vault")
    expect((await vault.describe(name)).source).toBeUndefined()
  })

  test("says how a value is leased, with it or afterwards, and takes that back", async () => {
    await using vault = await openOwner()
    const name = "mail/oauth"
    const lease = { kind: "oauth", client: "a", endpoint: "https://login.example/token" } as const
    const set = await vault.set(name, "not-a-real-token", {}, { lease })
    expect(set).toMatchObject({ name, version: 1, is: "new" })
    expect((await vault.describe(name)).lease).toEqual({ ...lease, auth: "basic" })
    const narrow = { ...lease, auth: "post", scope: "write,read" } as const
    await vault.setMetadata(name, {}, { lease: narrow })
    expect((await vault.describe(name)).lease).toMatchObject({ auth: "post", scope: "read,write" })
    const refused = [
      () => vault.set(name, "two\nlines"),
      () => vault.setMany([{ name, value: Buffer.from("two\nlines") }]),
      () => vault.setMetadata(name, {}, { lease: { ...lease, client: "" } }),
    ]
    for (const each of refused) await expect(each()).rejects.toMatchObject({ code: "USAGE" })
    await vault.setMetadata(name, {}, { lease: "none" })
    expect((await vault.get(name)).reveal()).toBe("not-a-real-token")
  })

  test("says where the broker may send a secret, and takes it back", async () => {
    await using vault = await openOwner()
    const rule = { hosts: ["API.example.com"], methods: ["get"], paths: ["/**"], at: ["query:k"] }
    const dry = await vault.use("stripe/api-key", { ...rule, scheme: "raw" }, { dryRun: true })
    expect([dry.added.length, dry.commit]).toEqual([1, undefined])
    await vault.use("stripe/api-key", { ...rule, scheme: "raw" })
    const { use, added } = await vault.use("stripe/api-key", "stripe")
    expect(use.map(({ hosts: [host], service }) => [host, service])).toEqual([
      ["api.example.com", undefined],
      ["api.stripe.com", "stripe"],
    ])
    expect(added).toEqual([use[1]])
    const again = await vault.use("stripe/api-key", "stripe")
    expect([again.added, again.commit]).toEqual([[], undefined])
    // A reader sees them, and a new value keeps them.
    await vault.set("stripe/api-key", "another")
    const listed = await vault.list("stripe")
    expect(listed.find(({ name }) => name === "stripe/api-key")?.use).toEqual(use)
    const { removed } = await vault.removeUse("stripe/api-key", { service: "stripe" })
    expect(removed).toEqual([use[1]])
    expect((await vault.removeUse("stripe/api-key", { number: 1 })).use).toEqual([])
    await expect(vault.removeUse("stripe/api-key")).rejects.toMatchObject({ code: "USAGE" })
    await expect(vault.use("stripe/api-key", "strip")).rejects.toMatchObject({
      code: "SERVICE_NOT_FOUND",
      hint: expect.stringContaining("stripe") as string,
    })
  })

  test("takes metadata in the words of the command, and calls nothing else damage", async () => {
    await using vault = await openOwner()
    await vault.set("mail/token", "hunter22", { expires: "2099-01-31" })
    expect((await vault.describe("mail/token")).expires).toBe("2099-01-31T00:00:00Z")
    await vault.setMetadata("mail/token", { expires: "2099-02-01" })
    expect((await vault.describe("mail/token")).expires).toBe("2099-02-01T00:00:00Z")
    const [unknown = {}, number = {}] = [{ envv: "MAIL" }, { description: 5 }] as unknown as {
      env: string
    }[]
    const refused = [
      () => vault.set("mail/token", "hunter23", unknown),
      () => vault.setMany([{ name: "mail/token", value: "x", metadata: number }]),
      () => vault.setSource("mail/token", "env:TOKEN", number),
      () => vault.setMetadata("mail/token", number),
    ]
    for (const each of refused) await expect(each()).rejects.toMatchObject({ code: "USAGE" })
  })

  test("stores texts and bytes, and says of all else that it is neither", async () => {
    await using vault = await openOwner()
    await vault.setMany([
      { name: "mail/one", value: "grün" },
      { name: "mail/two", value: new Uint8Array([0, 255]) },
    ])
    expect((await vault.get("mail/one")).reveal()).toBe("grün")
    expect((await vault.get("mail/two")).bytes()).toEqual(new Uint8Array([0, 255]))
    const others: unknown[] = [
      undefined,
      5,
      [1, 2],
      new ArrayBuffer(2),
      await vault.get("mail/one"),
    ]
    for (const other of others as string[]) {
      const refusal = {
        code: "USAGE",
        message: "the value for mail/one is neither a text nor bytes",
      }
      await expect(vault.set("mail/one", other)).rejects.toMatchObject(refusal)
      const many = [{ name: "mail/one", value: other }]
      await expect(vault.setMany(many)).rejects.toMatchObject(refusal)
    }
  })

  test("takes one end of a grant, and never the later of two", async () => {
    await using vault = await openOwner()
    const both = vault.grant("ci", ["stripe"], { until: "2099-01-01", for: "90d" })
    await expect(both).rejects.toMatchObject({ code: "USAGE" })
  })

  test("changes, recovers and checks nothing once it is closed", async () => {
    const vault = await openOwner()
    await vault.close()
    const head = world.git("rev-parse", "HEAD")
    const refused = [
      () => vault.grant("ci", ["stripe"], { for: "1d" }),
      () => vault.set("stripe/late", "x"),
      () => vault.recoverAgent("ci"),
      () => vault.check(),
    ]
    for (const each of refused) await expect(each()).rejects.toMatchObject({ code: "CLOSED" })
    expect(world.git("rev-parse", "HEAD")).toBe(head)
  })

  test("hands out keys as values that do not show themselves", async () => {
    await using vault = await openOwner()
    const { key, ...rest } = await vault.addAgent("robot")
    const rekeyed = await vault.rekeyAgent("robot")
    const recovered = await vault.recoverAgent("robot")
    expect(inspect([key, rest, rekeyed, recovered], { depth: 9, showHidden: true })).not.toMatch(
      /AGE-SECRET-KEY-1/,
    )
    expect(JSON.stringify([key, rest, rekeyed, recovered])).not.toMatch(/AGE-SECRET-KEY-1/)
    expect(recovered.reveal()).toContain("AGE-SECRET-KEY-1")
    expect(recovered.reveal().split("\n").at(-2)).toBe(rekeyed.key?.reveal().split("\n").at(-2))
    expect(rekeyed.key?.reveal()).not.toBe(key?.reveal())
  })

  test("a dry run says what would be, and changes nothing", async () => {
    await using vault = await openOwner()
    const head = world.git("rev-parse", "HEAD")
    const outcome = await vault.revoke("ci", ["stripe"], { dryRun: true })
    expect(outcome.files.length).toBeGreaterThan(3)
    expect(outcome.commit).toBeUndefined()
    expect(world.git("rev-parse", "HEAD")).toBe(head)
  })

  test("applies a manifest that was edited, and only the plan that was seen", async () => {
    await using vault = await openOwner()
    const file = join(world.top, ".agent-vault/manifest.yaml")
    await vault.revoke("ci", ["stripe"])
    world.git("revert", "--no-commit", "HEAD")
    const manifest = world.git("show", "HEAD~1:.agent-vault/manifest.yaml")
    world.git("revert", "--abort")
    writeFileSync(file, `${manifest}\n`)
    const { plan } = await vault.apply({ dryRun: true })
    await expect(vault.apply({ plan: "000000000000" })).rejects.toMatchObject({
      code: "PLAN_CHANGED",
    })
    expect((await vault.apply({ plan: plan.id })).commit).toBeDefined()
    expect(await world.read("ci", "stripe/api-key")).toBe("old")
  })

  test("takes only an owner's key for changes, and says whose", async () => {
    const identityFile = agentKeyFile(await idOf(world), "ci", world.env)
    await using vault = await openOwnerVault({ dir: world.top, identityFile, env: world.env })
    await expect(vault.set("stripe/x", "y")).rejects.toMatchObject({ code: "NOT_OWNER" })
    await expect(
      openOwnerVault({ dir: world.top, identityFile, identity: "x", env: world.env }),
    ).rejects.toMatchObject({ code: "USAGE" })
  })

  test("checks the vault", async () => {
    await using vault = await openOwner()
    expect(await vault.check({ history: true })).toMatchObject({ anchored: true, findings: [] })
  })
})

async function idOf({ top, env }: World): Promise<string> {
  await using vault = await openVault({ dir: top, agent: "ci", env })
  return vault.id
}
