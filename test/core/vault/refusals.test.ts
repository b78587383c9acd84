import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import {
  type AuditLine,
  type Outlet,
  attributionOf,
  auditTo,
  claimedId,
  findVault,
  identityAt,
  openVault,
  parseSecretName,
  readSecret,
  withVault,
} from "../../../src/core/index.js"
import {
  changeMetadata,
  grant,
  rekeyAgent,
  removeAgent,
  setPolicy,
} from "../../../src/core/owner.js"
import { type World, outcome, vaultWorld } from "../world.js"

const NAME = "stripe/api-key"

let world: World
let file: string

beforeEach(async () => {
  world = await vaultWorld()
  file = join(world.folder, "audit.jsonl")
})
afterEach(() => world.remove())

async function read(outlet: Outlet, as: object = { agent: "ci" }, name = NAME): Promise<string> {
  const place = findVault(world.vaultFolder)
  const key = await identityAt(place, as, "always", world.env, () => Promise.resolve(""))
  const audit = auditTo({ file }, attributionOf(world.env))
  return outcome(
    withVault(place, key.trust, world.env, (vault) =>
      readSecret(vault, key, parseSecretName(name), { outlet, audit }, new Date()),
    ).then(({ value }) => Buffer.from(value).toString()),
  )
}

function lines(): AuditLine[] {
  if (!existsSync(file)) return []
  const text = readFileSync(file, "utf8")
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AuditLine)
}

async function denyAll(): Promise<void> {
  const rules = [{ name: "nobody", when: "true", effect: "deny" }]
  const bytes = Buffer.from(JSON.stringify({ version: 1, rules }))
  await setPolicy(await world.request(), { file: "rules", bytes })
}

const CLI = { surface: "cli" } as const
const refused = (reason: string): object[] => [
  expect.objectContaining({
    event: "refused",
    decision: "refused",
    reason,
    secrets: [{ name: NAME }],
    agent: "ci",
  }) as object,
]

describe("a refused read is noted in the chain of", () => {
  test("an agent that a policy denies it, by the door", async () => {
    await denyAll()
    for (const surface of ["cli", "run", "bridge"] as const) {
      expect(await read({ surface })).toBe("POLICY_REFUSED")
    }
    expect(lines().map(({ door }) => door)).toEqual(["cli", "run", "bridge"])
    expect(lines().slice(0, 1)).toEqual(refused("POLICY_REFUSED"))
  })

  test("an agent whose grant ended, was revoked, or never was", async () => {
    const [now, until] = [new Date("2019-01-01"), "2020-01-01T00:00:00Z"]
    await grant({ ...(await world.request()), now, agent: "ci", groups: ["stripe"], until })
    expect(await read(CLI)).toBe("GRANT_ENDED")
    expect(lines()).toEqual(refused("GRANT_ENDED"))
    await world.revoke("ci", "stripe")
    expect(await read(CLI)).toBe("NOT_GRANTED")
    expect(lines().slice(1)).toEqual(refused("NOT_GRANTED"))
  })

  test("an agent that was removed", async () => {
    await removeAgent({ ...(await world.request()), agent: "ci" })
    expect(await read(CLI)).toBe("NOT_GRANTED")
    expect(lines()).toEqual(refused("NOT_GRANTED"))
  })

  test("an agent whose bare key says no name", async () => {
    const key = readFileSync(join(world.folder, keyFile()), "utf8")
    const [identity = ""] = /^AGE-SECRET-KEY-\S+$/m.exec(key) ?? []
    await world.revoke("ci", "stripe")
    expect(await read(CLI, { identity })).toBe("NOT_GRANTED")
    expect(lines()).toEqual(refused("NOT_GRANTED"))
  })

  test("nobody for a key that no record has any more", async () => {
    const old = readFileSync(join(world.folder, keyFile()), "utf8")
    await rekeyAgent({ ...(await world.request()), agent: "ci" })
    expect(await read(CLI, { identity: old })).toBe("NOT_GRANTED")
    expect(lines()).toEqual([])
  })

  test("a model to which a value is never shown", async () => {
    const name = parseSecretName(NAME)
    await changeMetadata({
      ...(await world.request()),
      name: name.full,
      metadata: { reveal: "never" },
    })
    const reveal = { atLeast: "allow", isAgreed: () => false } as const
    expect(await read({ surface: "mcp", reveal })).toBe("REVEAL_REFUSED")
    expect(lines()).toEqual(refused("REVEAL_REFUSED"))
  })

  test("nobody where a value is only searched for, or is not there, or not whole", async () => {
    await world.revoke("ci", "stripe")
    for (const surface of ["broker", "guard"] as const) {
      expect(await read({ surface })).toBe("NOT_GRANTED")
    }
    expect(await read(CLI, { agent: "ci" }, "stripe/nothing")).toBe("SECRET_NOT_FOUND")
    expect(lines()).toEqual([])
  })
})

test("a refusal is told where it cannot be noted", async () => {
  await denyAll()
  mkdirSync(file)
  expect(await read(CLI)).toBe("POLICY_REFUSED")
  writeFileSync(join(world.folder, "no-folder"), "")
  file = join(world.folder, "no-folder", "audit.jsonl")
  expect(await read(CLI)).toBe("POLICY_REFUSED")
})

test("the SDK notes what it refuses, from memory too, and no look at what is known of a secret", async () => {
  const { env, top: dir } = world
  await using vault = await openVault({ dir, agent: "ci", env, audit: file })
  expect((await vault.get(NAME)).reveal()).toBe("old")
  await denyAll()
  expect(await outcome(vault.get(NAME))).toBe("POLICY_REFUSED")
  expect(await outcome(vault.getMany([NAME]))).toBe("POLICY_REFUSED")
  await world.revoke("ci", "stripe")
  expect(await outcome(vault.describe(NAME))).toBe("NOT_GRANTED")
  expect(await outcome(vault.describe(NAME, { session: "of-a-read" }))).toBe("NOT_GRANTED")
  expect(lines().map(({ event, reason }) => reason ?? event)).toEqual([
    "read",
    "POLICY_REFUSED",
    "POLICY_REFUSED",
    "NOT_GRANTED",
  ])
})

function keyFile(): string {
  return join("agent-vault", claimedId(findVault(world.vaultFolder)), "agents", "ci.key")
}
