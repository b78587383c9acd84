import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { env } from "node:process"
import { afterAll, beforeAll, expect, test } from "vitest"
import { unseal } from "../../../src/core/age/age.js"
import { inspect } from "../../../src/core/check/inspect.js"
import { findVault } from "../../../src/core/disk/place.js"
import type { SecretRecord, VaultRecord } from "../../../src/core/records/record.js"
import { claimedId, identityAt, ownerKeyFile } from "../../../src/core/index.js"
import { outcome, emptyWorld, type World } from "../world.js"
import { testWithStockAge, type StockTool } from "../../stock-age.js"
import type { Said } from "./month-model.js"
import { GROUPS, Month, NAMES, groupIn } from "./month.js"

// A team's month. `node scripts/month.mjs SEEDS OPERATIONS` runs more of it, and longer.
const SEEDS = Number(env["MONTH_SEEDS"] ?? 1)
const OPERATIONS = Number(env["MONTH_OPERATIONS"] ?? 40)
const FIRST = Number(env["MONTH_FIRST"] ?? 1)

let template: World
beforeAll(async () => {
  template = emptyWorld()
  template.commit("README.md")
  await template.init()
})
afterAll(() => template.remove())

for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
  testWithStockAge(`a team's month, seed ${seed}`, "classic", async ({ age }) => {
    const month = new Month(template, seed)
    try {
      for (let done = 0; done < OPERATIONS; done++) await month.step()
      await month.end()
      await expectAsModel(month)
      await expectSound(month)
      expectOwnersIn(month, age)
      await expectLockedOut(month, age)
    } finally {
      month.remove()
    }
  })
}

test("the numbers of a seed are the same each time", () => {
  const [one, other] = [new Month(template, 7), new Month(template, 7)]
  expect(one.remote).toEqual(other.remote)
  one.remove()
  other.remove()
})

/** All clones have one state, and it is the model's: each secret, for each key that ever was. */
async function expectAsModel(month: Month): Promise<void> {
  const worlds = [...month.owners.map(({ world }) => world), month.reader]
  const heads = worlds.map((world) => world.git("rev-parse", "HEAD:.agent-vault"))
  expect(new Set(heads).size).toBe(1)
  const { reader, remote } = month
  const record = JSON.parse(reader.git("show", "HEAD:.agent-vault/vault.json")) as VaultRecord
  const named = new Map(record.owners.map(({ signer, name }) => [signer, name]))
  const present = record.owners.filter(({ ended }) => ended === undefined)
  const added = present.map(({ name, by }) => [name, named.get(by)])
  expect(added).toEqual([...remote.owners])
  for (const name of NAMES) {
    expect([name, saidOf(reader, name)]).toEqual([
      name,
      remote.secrets.get(name) && { ...remote.secrets.get(name), value: undefined },
    ])
    for (const key of month.keys.keys()) {
      const got = await month.readAs(reader, key, name)
      expect([key, name, got]).toEqual([key, name, month.wanted(remote, key, name)])
    }
  }
}

/** What the record of a secret says besides its value; undefined where there is none. */
function saidOf({ top }: World, name: string): Said | undefined {
  const file = join(top, `.agent-vault/secrets/${name}.json`)
  if (!existsSync(file)) return undefined
  const record = JSON.parse(readFileSync(file, "utf8")) as SecretRecord
  const { description, expires, rotation } = record
  return { description, expires, rotation: rotation?.run.at(-1) }
}

/** Nothing is pending, refused or set back, in any commit, as the first and the last owner see it. */
async function expectSound({ owners }: Month): Promise<void> {
  for (const { world } of new Set(
    [owners[0], owners.at(-1)].filter((each) => each !== undefined),
  )) {
    const place = findVault(world.top)
    const key = await identityAt(place, { owner: true }, "never", world.env, () =>
      Promise.reject(new Error("no passphrase")),
    )
    const report = await inspect({ place, key, env: world.env, now: new Date(), history: true })
    expect(report.findings.filter(({ code }) => code !== "EXPOSED")).toEqual([])
    expect(world.git("fsck", "--strict", "--no-dangling")).toBe("")
  }
}

/** By stock age: every owner opens every group. */
function expectOwnersIn({ owners, reader }: Month, age: StockTool): void {
  for (const { name, world } of owners) {
    const key = ownerKeyFile(claimedId(findVault(world.top)), world.env)
    for (const group of GROUPS) {
      const path = join(reader.top, `.agent-vault/groups/${group}.age`)
      if (!existsSync(path)) continue
      expect([name, group, tried(() => age(["-d", "-i", key, path])) !== undefined]).toEqual([
        name,
        group,
        true,
      ])
    }
  }
}

/**
 * By stock age: a key opens a group if the model says so, and that of an owner who left opens none. And whoever does not open it, opens none of
 * its values with any key of the group that they could ever open.
 */
async function expectLockedOut(month: Month, age: StockTool): Promise<void> {
  const { reader, remote } = month
  const keys = [...month.keys, ...month.left]
  for (const group of GROUPS) {
    const path = `.agent-vault/groups/${group}.age`
    if (!existsSync(join(reader.top, path))) continue
    const names = [...remote.secrets.keys()].filter((name) => groupIn(name) === group)
    const everSealed = blobsOf(reader, path)
    for (const [key, { agent, text }] of keys) {
      const isIn = remote.agents.get(agent) === key && remote.grants.has(`${agent} ${group}`)
      const file = join(reader.folder, "stock.key")
      writeFileSync(file, text)
      const opened = tried(() => age(["-d", "-i", file, join(reader.top, path)]))
      expect([key, group, opened !== undefined]).toEqual([key, group, isIn])
      const identity = text.split("\n").find((line) => line.startsWith("AGE-SECRET-KEY-")) ?? ""
      const ever = await openedBy(identity, everSealed)
      for (const name of names) {
        const sealed = readFileSync(join(reader.top, `.agent-vault/secrets/${name}.age`))
        const values = await openedBy(ever, [sealed])
        expect([key, name, values]).toEqual([
          key,
          name,
          isIn ? [remote.secrets.get(name)?.value.text] : [],
        ])
      }
    }
  }
}

/** Every content that a file ever had. */
function blobsOf(world: World, path: string): readonly Buffer[] {
  const log = world.git("log", "--format=", "--raw", "--no-abbrev", "-m", "--", path)
  const ids = [...log.matchAll(/^:\d+ \d+ \w+ (\w+) [AM]/gm)].map(([, id = ""]) => id)
  return [...new Set(ids)].map((id) => world.bytes("cat-file", "blob", id))
}

/** What some identities open of some files, as text. */
async function openedBy(
  identities: string | readonly string[],
  sealed: readonly Uint8Array[],
): Promise<string[]> {
  const keys = [identities].flat().map((each) => each.trim())
  if (keys.length === 0) return []
  const opened = await Promise.all(sealed.map((bytes) => outcome(unseal(bytes, keys))))
  return opened.flatMap((each) =>
    typeof each === "string" ? [] : Buffer.from(each).toString("utf8"),
  )
}

function tried<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
