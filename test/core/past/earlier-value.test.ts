import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { findVault, identityAt, noAudit, withVault } from "../../../src/core/index.js"
import type { ReadEvent } from "../../../src/core/index.js"
import {
  moveSecret,
  parseEarlier,
  readEarlier,
  removeGroup,
  secretHistory,
  vaultInGit,
} from "../../../src/core/owner.js"
import { outcome, type World, vaultWorld } from "../world.js"

let world: World
const events: ReadEvent[] = []

beforeEach(async () => {
  world = await vaultWorld()
  events.length = 0
})
afterEach(() => world.remove())

/** What an earlier value is for an owner, or an agent. */
async function earlier(word: string, agent?: string, top = world.top): Promise<string> {
  const meant = parseEarlier(word)
  if (meant === undefined) throw new Error(`${word} names no version`)
  const place = findVault(top)
  const who = agent === undefined ? { owner: true } : { agent }
  const key = await identityAt(place, who, "never", world.env, () => Promise.reject(new Error()))
  const terms = {
    outlet: { surface: "sdk" },
    audit: noAudit(),
    onRead: (event: ReadEvent) => void events.push(event),
  } as const
  const read = withVault(place, key.trust, world.env, async (vault) =>
    readEarlier(await vaultInGit(vault, place, world.env), key, meant, terms, new Date()),
  )
  const got = await outcome(read)
  return typeof got === "string" ? got : Buffer.from(got.value).toString("utf8")
}

async function history(
  name: string,
  top = world.top,
): Promise<readonly (string | number | undefined)[][]> {
  const place = findVault(top)
  const told = await withVault(place, undefined, world.env, async (vault) =>
    secretHistory(await vaultInGit(vault, place, world.env), name),
  )
  return told.map(({ is, version, owner }) => [is, version, owner])
}

test("every value that a secret had, also before a rekey of its group; the read is noted", async () => {
  await world.set("stripe/api-key", "second")
  await world.revoke("ci", "stripe")
  await world.set("stripe/api-key", "third")
  expect(await earlier("stripe/api-key@1")).toBe("old")
  expect(await earlier("stripe/api-key@2")).toBe("second")
  expect(await earlier("stripe/api-key@3")).toBe("third")
  expect(events.map(({ secret, version }) => [secret, version])).toEqual([
    ["stripe/api-key", 1],
    ["stripe/api-key", 2],
    ["stripe/api-key", 3],
  ])
  expect(await earlier("stripe/api-key@4")).toBe("SECRET_NOT_FOUND")
  expect(await history("stripe/api-key")).toEqual([
    ["set", 3, "alice"],
    ["sealed anew", 2, "alice"],
    ["set", 2, "alice"],
    ["set", 1, "alice"],
  ])
})

test("from before the vault was moved to another folder, which is no change of a secret", async () => {
  await world.set("stripe/api-key", "second")
  await moveSecret({ ...(await world.request()), from: "stripe/api-key", to: "db/stripe" })
  const before = await history("db/stripe")
  const top = join(world.top, "services/web")
  mkdirSync(top, { recursive: true })
  world.git("mv", ".agent-vault", "services/web")
  world.git("commit", "-qm", "the vault moves")
  expect(await earlier("db/stripe@1", undefined, top)).toBe("old")
  expect(await earlier("db/stripe@2", undefined, top)).toBe("second")
  expect(await history("db/stripe", top)).toEqual(before)
})

test("under another name, in another group, and when that group is gone", async () => {
  await world.set("stripe/api-key", "second")
  await moveSecret({ ...(await world.request()), from: "stripe/api-key", to: "db/stripe" })
  await world.set("db/stripe", "third")
  expect(await earlier("db/stripe@1")).toBe("old")
  await removeGroup({ ...(await world.request()), group: "stripe", withSecrets: true })
  expect(await earlier("db/stripe@1")).toBe("old")
  expect(await earlier("db/stripe@2")).toBe("second")
  expect(await history("db/stripe")).toEqual([
    ["set", 3, "alice"],
    ["moved", 2, "alice"],
    ["set", 2, "alice"],
    ["set", 1, "alice"],
  ])
  expect(await history("stripe/api-key")).toEqual([
    ["removed", undefined, undefined],
    ["set", 2, "alice"],
    ["set", 1, "alice"],
  ])
})

test("an agent gets none, not even one that it could read once", async () => {
  await world.set("stripe/api-key", "second")
  expect(await earlier("stripe/api-key@1", "ci")).toBe("NOT_OWNER")
  expect(events).toEqual([])
})

test("a history that somebody wrote anew gives no other value for an earlier one", async () => {
  const folder = ".agent-vault/secrets/stripe"
  const webhook = world.bytes("show", `HEAD:${folder}/webhook.age`)
  // Somebody puts another secret's ciphertext in the place of the first value.
  world.git("checkout", "-q", "--orphan", "rewritten")
  const sealed = world.bytes("show", `main:${folder}/api-key.age`)
  world.write(`${folder}/api-key.age`, "")
  writeBytes(`${folder}/api-key.age`, webhook)
  world.git("commit", "-qam", "rewritten")
  writeBytes(`${folder}/api-key.age`, sealed)
  world.git("commit", "-qam", "as it was")
  await world.set("stripe/api-key", "second")
  expect(await earlier("stripe/api-key@1")).toBe("DIGEST_MISMATCH")
})

test("a record that no owner signed is told as that, and is in no chain", async () => {
  const path = ".agent-vault/secrets/stripe/api-key.json"
  const record = world.bytes("show", `HEAD:${path}`).toString("utf8")
  world.write(path, record.replace('"version": 1', '"version": 7'))
  world.git("commit", "-qam", "forged")
  world.write(path, record)
  world.git("commit", "-qam", "as it was")
  expect((await history("stripe/api-key")).map(([is]) => is)).toEqual(["set", "unsigned", "set"])
  expect(await earlier("stripe/api-key@7")).toBe("SECRET_NOT_FOUND")
  expect(await earlier("stripe/api-key@1")).toBe("old")
})

function writeBytes(path: string, bytes: Uint8Array): void {
  world.write(path, "")
  writeFileSync(join(world.top, path), bytes)
}
