import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { withVault } from "../../src/core/index.js"
import { apply, describeStanding, inspect } from "../../src/core/owner.js"
import type { VaultFiles } from "../../src/core/disk/files.js"
import { checkAnchor } from "../../src/core/memory/trust.js"
import { type Grant, editManifest, parseManifest } from "../../src/core/records/manifest.js"
import type { AgentRecord, GroupRecord, OwnerEntry } from "../../src/core/records/record.js"
import { makePlan } from "../../src/core/vault/plan.js"
import { describeAccess, describeAgents } from "../../src/core/vault/listing.js"
import { readSealedState } from "../../src/core/vault/sealed-state.js"
import { LIMITS } from "../../src/core/words/limits.js"
import { gitThat } from "../core/processes.js"
import { type World, vaultWorld } from "../core/world.js"

// Whoever pushes decides how long the lists in a repository are; the manifest is not even signed.
// What they cost grows as they do and no faster. It is counted: processes, files, looks at an entry.
// Only where nothing can be counted, the processor's time for one length is compared with another's.

const VAULT = "5b0c1f6e2a9d4c7783e1d0b4a6f2c95e"

let world: World
/** The same machine, whose gits are counted. */
let counted: World
let gits: string

beforeAll(async () => {
  world = await vaultWorld()
  gits = join(world.folder, "gits")
  counted = world.with({ PATH: gitThat(world, `echo "$@" >> '${gits}'`) })
})
afterAll(() => world.remove())

test("a manifest with hundreds of new groups costs no more processes than one with two", async () => {
  await world.set("gone/x", "x")
  await world.set("gone2/x", "x")
  world.git("rm", "-rq", ".agent-vault/secrets/gone", ".agent-vault/secrets/gone2")
  world.git("commit", "-qm", "their secrets go")
  withGroups(0, (text) => text.replace(/ {2}gone2?: .*\n/g, ""))
  await world.apply()

  const few = await gitsOf(() => withGroups(2), dryRun)
  const many = await gitsOf(() => withGroups(300), dryRun)
  expect(many).toBe(few)

  // And what was asked of Git together is what each would have been told alone.
  withGroups(0, (text) => text.replace("groups:\n", "groups:\n  gone: {}\n  gone2: {}\n  a: {}\n"))
  await world.apply()
  for (const group of ["gone", "gone2"]) expect(epochOf(group)).toBe(2)
  expect(epochOf("a")).toBe(1)
})

test("so many groups and grants as a manifest may list are told one by one", async () => {
  withGroups(LIMITS.manifestGroups - 10)
  const request = await world.request()
  const { findings } = await inspect({ ...request, place: request.place })
  expect(findings.length).toBeGreaterThan(LIMITS.manifestGroups - 20)
  const { report } = await withVault(request.place, undefined, world.env, (vault) =>
    describeStanding(vault, undefined, new Date()),
  )
  expect(report.findings.length).toBe(findings.length)
})

test("more are refused, with their number and how many there may be", async () => {
  withGroups(LIMITS.manifestGroups)
  const request = await world.request()
  const { findings } = await inspect({ ...request, place: request.place })
  expect(findings.map(({ code, message }) => [code, message.slice(0, 100)])).toEqual([
    ["MANIFEST_INVALID", expect.stringMatching(/it lists 500\d groups; a vault has at most 5000$/)],
  ])
  await expect(dryRun()).rejects.toThrow(/lists 500\d groups; a vault has at most 5000/)
  const lines = Array.from({ length: LIMITS.manifestGrants + 1 }, (_, at) => line(`a${at}`))
  expect(() => parse(manifest(lines))).toThrow("lists 50001 grants; a vault has at most 50000")
})

test("nor does a text hold entries without end, whatever they are", () => {
  const entries = "[],".repeat(LIMITS.yamlEntries)
  expect(() => parse(manifest([]).replace("grants: []", `grants: [${entries}]`))).toThrow(
    `it has more than ${LIMITS.yamlEntries} entries`,
  )
})

test("the schema says the same of how many there may be", () => {
  const schema = JSON.parse(readFileSync(".vault-manifest.schema.json", "utf8")) as {
    properties: { groups: { maxProperties: number }; grants: { maxItems: number } }
  }
  const { groups, grants } = schema.properties
  expect(groups.maxProperties).toBe(LIMITS.manifestGroups)
  expect(grants.maxItems).toBe(LIMITS.manifestGrants)
})

test("a plan looks at each grant and each member a few times, however many there are", () => {
  expect(looksOfPlan(2000) / 2000).toBeLessThan((looksOfPlan(20) / 20) * 1.5)
})

test("a long chain of owners is followed once", () => {
  expect(looksAtOwners(1000) / 1000).toBeLessThan((looksAtOwners(10) / 10) * 1.5)
})

test("an edit that drops thousands of lines finds each at once", () => {
  // In squares, 16 times as many lines would take more than 150 times as long.
  const [few, many] = [timeOfDrops(1000), timeOfDrops(16_000)]
  expect(many / few).toBeLessThan(64)
})

test("who asks for all agents, or all groups, has the vault's files listed a few times", async () => {
  withGroups(0)
  const { place } = await world.request()
  for (const name of ["one", "two", "three", "four"]) await world.set(`${name}/x`, name)
  await withVault(place, undefined, world.env, (vault) => {
    let listed = 0
    const { files } = vault
    const counting: VaultFiles = {
      read: (path) => files.read(path),
      list: () => {
        listed += 1
        return files.list()
      },
    }
    const listedVault = { ...vault, files: counting }
    const lists = (work: () => unknown): number => {
      listed = 0
      work()
      return listed
    }
    const { recipient } = vault.owners[0] ?? { recipient: "" }
    expect(lists(() => describeAccess(listedVault, { recipient }, new Date()))).toBeLessThan(5)
    expect(lists(() => describeAgents(listedVault))).toBeLessThan(6)
    expect(lists(() => readSealedState(listedVault, "read"))).toBeLessThan(5)
  })
})

/** How often a plan looks at the grants and the members of a group of so many agents. */
function looksOfPlan(count: number): number {
  const seen = { times: 0 }
  const agents = Array.from({ length: count }, (_, at) => `a${at}`)
  const grants = agents.map((agent) => watched<Grant>({ agent, group: "g", reason: "new" }, seen))
  const members = agents.map((agent) =>
    watched({ agent, recipient: "old", since: "2026-01-01T00:00:00Z" }, seen),
  )
  const revoked = agents.map((agent) => watched({ agent, at: "2026-01-01", epoch: 1 }, seen))
  const record = { epoch: 1, serial: 1, members, revoked } as unknown as GroupRecord
  const known = agents.map((agent) => [agent, { recipient: "new" } as AgentRecord] as const)
  const { groups } = makePlan(
    { version: 1, vault: VAULT, groups: { g: {} }, grants },
    {
      vault: VAULT,
      serial: 1,
      agents: new Map(known),
      groups: new Map([
        ["g", { record, secrets: 0, stale: [], lacksOwner: false, formerOwners: [] }],
      ]),
      closedEscrows: [],
    },
    new Date(),
  )
  expect(groups[0]?.gains.length).toBe(count)
  return seen.times
}

/** How often somebody looks at the owners of a chain in which each was added by the one before. */
function looksAtOwners(count: number): number {
  const seen = { times: 0 }
  const entries = Array.from({ length: count }, (_, at) => {
    const entry = { name: `o${at}`, signer: `s${at}`, by: `s${Math.max(0, at - 1)}` }
    return watched(entry as OwnerEntry, seen)
  })
  checkAnchor({ signer: "s0", from: ["a test"] }, entries)
  return seen.times
}

/** The same object, each look at which is counted. */
function watched<T extends object>(value: T, seen: { times: number }): T {
  return new Proxy(value, {
    get: (target, key) => {
      seen.times += 1
      return Reflect.get(target, key) as unknown
    },
  })
}

/** The processor's time for dropping so many lines of a manifest that has no others. */
function timeOfDrops(count: number): number {
  const agents = Array.from({ length: count }, (_, at) => `a${at}`)
  const drops = agents.map((agent) => ({ do: "drop-grant", agent, group: "g" }) as const)
  const before = process.cpuUsage()
  const edited = editManifest(Buffer.from(manifest(agents.map(line))), VAULT, drops)
  const { user, system } = process.cpuUsage(before)
  expect(parse(edited).grants).toEqual([])
  return user + system
}

/** Rewrites the manifest of the vault: so many groups more than it has, that nobody applied. */
function withGroups(count: number, also = (text: string): string => text): void {
  const file = join(world.top, ".agent-vault/manifest.yaml")
  const lines = Array.from({ length: count }, (_, at) => `  new${at}: {}\n`).join("")
  world.git("restore", "--", ".agent-vault/manifest.yaml")
  const text = also(readFileSync(file, "utf8")).replace("groups:\n", `groups:\n${lines}`)
  writeFileSync(file, text)
}

async function dryRun(): Promise<unknown> {
  return apply({ ...(await counted.request()), dryRun: true })
}

/** How many gits some work starts. */
async function gitsOf(before: () => void, work: () => Promise<unknown>): Promise<number> {
  before()
  writeFileSync(gits, "")
  await work()
  return readFileSync(gits, "utf8").split("\n").length - 1
}

function epochOf(group: string): number {
  const text = readFileSync(join(world.top, `.agent-vault/groups/${group}.json`), "utf8")
  return (JSON.parse(text) as GroupRecord).epoch
}

function line(agent: string): string {
  return `- { agent: ${agent}, group: g }\n`
}

function manifest(lines: readonly string[]): string {
  const grants = lines.length === 0 ? "grants: []\n" : `grants:\n${lines.join("")}`
  return `version: 1\nvault: ${VAULT}\ngroups: { g: {} }\n${grants}`
}

function parse(text: string | Uint8Array) {
  return parseManifest(Buffer.from(text), VAULT)
}
