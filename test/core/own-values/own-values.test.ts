import { readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { findVault, identityAt } from "../../../src/core/index.js"
import { type OwnValues, ownValues } from "../../../src/core/own-values/own-values.js"
import { formsOf } from "../../../src/core/redactor/forms.js"
import { type World, vaultWorld } from "../world.js"

const VALUE = 'zq7-Not/A+Real"Value-19x'

let template: World
let world: World

beforeAll(async () => {
  template = await vaultWorld()
  await template.set("stripe/own", VALUE)
})
afterAll(() => template.remove())
beforeEach(async () => {
  world = template.copy()
  // What changed this very moment is not remembered: its times could not tell another change.
  await sleep(150)
})
afterEach(() => world.remove())

const noPassphrase = (): Promise<string> => Promise.reject(new Error("no passphrase"))

async function look(agent = "ci"): Promise<OwnValues> {
  const place = findVault(world.top)
  const key = await identityAt(place, { agent }, "never", world.env, noPassphrase)
  return ownValues(place, key, world.env)
}

function stateFile(): string {
  const folder = join(world.folder, "agent-vault")
  const found = readdirSync(folder, { recursive: true, encoding: "utf8" })
  return join(folder, found.find((file) => file.endsWith(".digests")) ?? "")
}

function audited(): number {
  const folder = join(world.folder, "agent-vault")
  const found = readdirSync(folder, { recursive: true, encoding: "utf8" })
  const file = found.find((each) => each.endsWith("audit/agents/ci.jsonl"))
  if (file === undefined) return 0
  const lines = readFileSync(join(folder, file), "utf8").trimEnd().split("\n")
  const secrets = lines.map((line) => (JSON.parse(line) as { secrets: unknown[] }).secrets)
  return secrets.flat().length
}

describe("own values", () => {
  test("are found in every form, the first time and from digests", async () => {
    for (let round = 0; round < 2; round++) {
      const own = await look()
      for (const { bytes } of formsOf(Buffer.from(VALUE))) {
        const text = Buffer.concat([Buffer.from("before "), bytes, Buffer.from(" behind")])
        const found = own.find(text)
        // One form may lie within another: the widest is told, once.
        expect(found).toMatchObject([{ secret: "stripe/own" }])
        expect(found.every(({ start, end }) => start >= 7 && end <= 7 + bytes.length)).toBe(true)
      }
    }
    expect(audited()).toBe(3)
  })

  test("are found where lines are broken, and the place is told", async () => {
    const own = await look()
    const long = Buffer.concat([Buffer.alloc(50, "a"), Buffer.from(VALUE), Buffer.alloc(50, "b")])
    for (const lineEnd of ["\n", "\r\n", "\n    "]) {
      const wrapped = (long.toString("base64").match(/.{1,76}/g) ?? []).join(lineEnd)
      const [found] = own.find(Buffer.from(`key: ${wrapped}`))
      expect(found?.secret).toBe("stripe/own")
      expect(found?.start).toBeGreaterThan(60)
      expect(found?.end).toBeLessThan(130)
    }
  })

  test("what looks alike is none", async () => {
    const own = await look()
    const other = VALUE.replace("19x", "19y")
    for (const text of ["", "x", other, VALUE.slice(1), Buffer.from(other).toString("base64")]) {
      expect(own.find(Buffer.from(text))).toEqual([])
    }
    expect(own.find(Buffer.alloc(100_000, "ab\n"))).toEqual([])
  })

  test("follow new versions, new secrets, and what is gone", async () => {
    await look()
    await world.set("stripe/own", "another-Fake-Value-77")
    await world.set("stripe/more", "one-more-Fake-Value-88")
    world.git("rm", "-q", ".agent-vault/secrets/stripe/api-key.json")
    world.git("rm", "-q", ".agent-vault/secrets/stripe/api-key.age")
    const own = await look()
    expect(own.find(Buffer.from(`${VALUE} old`))).toEqual([])
    expect(own.find(Buffer.from("another-Fake-Value-77"))).toHaveLength(1)
    expect(own.find(Buffer.from("one-more-Fake-Value-88"))).toMatchObject([
      { secret: "stripe/more" },
    ])
  })

  test("are only those that the key opens", async () => {
    const own = await look("deploy")
    expect(own.secrets).toBe(0)
    expect(own.find(Buffer.from(VALUE))).toEqual([])
    await world.grant("deploy", "stripe")
    expect((await look("deploy")).find(Buffer.from(VALUE))).toHaveLength(1)
  })

  test("that stand everywhere by chance are not looked for", async () => {
    const vague = ["postgres", "localhost", "12345678", "Production", "short"]
    for (const [index, value] of vague.entries()) await world.set(`stripe/vague-${index}`, value)
    const own = await look()
    expect(own.find(Buffer.from(vague.join(" ")))).toEqual([])
  })

  test("leave nothing in the state folder but digests", async () => {
    await look()
    const content = readFileSync(stateFile())
    for (const { bytes } of formsOf(Buffer.from(VALUE))) expect(content.includes(bytes)).toBe(false)
    const before = await look()
    expect(before.secrets).toBe(1)
    const again = template.copy()
    await sleep(150)
    const other = await ownValuesOf(again)
    // Another key for each: the same value has other digests.
    expect(other.equals(content)).toBe(false)
    again.remove()
  })

  test("of a file that was damaged or exchanged are read anew", async () => {
    await look()
    const file = stateFile()
    const content = readFileSync(file)
    for (const at of [0, 40, content.indexOf("\n") + 5, content.length - 1]) {
      const damaged = Buffer.from(content)
      damaged[at] = (damaged[at] ?? 0) ^ 1
      writeFileSync(file, damaged)
      expect((await look()).find(Buffer.from(VALUE))).toHaveLength(1)
    }
    writeFileSync(file, "")
    expect((await look()).find(Buffer.from(VALUE))).toHaveLength(1)
  })

  test("that cannot be read are named, and the others are found", async () => {
    world.write(".agent-vault/secrets/stripe/webhook.age", "no age file")
    const own = await look()
    expect(own.unread.map(({ secret, error }) => [secret, error.code])).toEqual([
      ["stripe/webhook", "DIGEST_MISMATCH"],
    ])
    expect(own.find(Buffer.from(VALUE))).toHaveLength(1)
  })
})

async function ownValuesOf(other: World): Promise<Buffer> {
  const kept = world
  world = other
  await look()
  const content = readFileSync(stateFile())
  world = kept
  return content
}
