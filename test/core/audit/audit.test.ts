import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { type AuditLine, auditFile, auditTo, openVault } from "../../../src/core/index.js"
import { type World, vaultWorld } from "../world.js"

let template: World
let world: World

beforeAll(async () => {
  template = await vaultWorld()
})
afterEach(() => world.remove())
afterAll(() => template.remove())

const linesOf = (file: string): AuditLine[] =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as AuditLine)

const openNoting = (file: string, command?: string) =>
  openVault({ dir: world.top, agent: "ci", env: world.env, onRead: auditTo(file, command) })

describe("an audit", () => {
  test("has a line for each read, and no value", async () => {
    world = template.copy()
    const file = join(world.folder, "new/folder/audit.jsonl")
    await using vault = await openNoting(file, "node")
    await vault.getMany(["stripe/api-key", "stripe/webhook"])
    await vault.get("stripe/api-key").then((value) => value.reveal())
    await expect(vault.get("stripe/none")).rejects.toMatchObject({ code: "SECRET_NOT_FOUND" })
    await vault.list()
    const line = { role: "agent", actor: "ci", door: "sdk", vault: vault.id, version: 1 }
    expect(linesOf(file)).toEqual(
      ["stripe/api-key", "stripe/webhook", "stripe/api-key"].map((secret) => ({
        at: expect.stringMatching(/Z$/) as string,
        ...line,
        secret,
        command: "node",
      })),
    )
    expect(readFileSync(file, "utf8")).not.toMatch(/\bold\b|\bhook\b/)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(join(world.folder, "new")).mode & 0o777).toBe(0o700)
  })

  test("is appended to, also by several at once", async () => {
    world = template.copy()
    const file = join(world.folder, "audit.jsonl")
    writeFileSync(file, '{"at":"earlier"}\n')
    await using one = await openNoting(file)
    await using two = await openNoting(file)
    await Promise.all(
      Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? one : two).get("stripe/api-key")),
    )
    expect(linesOf(file)).toHaveLength(41)
    expect(linesOf(file)[0]).toEqual({ at: "earlier" })
  })

  test("that cannot be written holds back the value, from memory too", async () => {
    world = template.copy()
    const folder = join(world.folder, "is a folder")
    mkdirSync(folder)
    await using vault = await openNoting(folder)
    for (let count = 0; count < 2; count++) {
      await expect(vault.get("stripe/api-key")).rejects.toMatchObject({ code: "NO_ACCESS" })
    }
    await using into = await openNoting(join(world.top, "README.md/audit.jsonl"))
    await expect(into.get("stripe/api-key")).rejects.toMatchObject({ code: "NO_ACCESS" })
  })

  test("does not change who may read a file that is there", async () => {
    world = template.copy()
    const file = join(world.folder, "audit.jsonl")
    writeFileSync(file, "")
    chmodSync(file, 0o640)
    symlinkSync(file, join(world.folder, "link"))
    await using vault = await openNoting(join(world.folder, "link"))
    await vault.get("stripe/api-key")
    expect(linesOf(file)).toHaveLength(1)
    expect(statSync(file).mode & 0o777).toBe(0o640)
  })

  test("lies in the state folder, by vault, if nobody says where", () => {
    world = template.copy()
    expect(auditFile("0".repeat(32), world.env)).toBe(
      join(world.folder, "agent-vault", "0".repeat(32), "audit.jsonl"),
    )
  })
})
