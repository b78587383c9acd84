import { afterEach, beforeEach, expect, test } from "vitest"
import { describeSecrets, findVault, withVault } from "../../../src/core/index.js"
import { inspect, removeSecrets } from "../../../src/core/owner.js"
import { outcome, type World, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

async function remove(...names: string[]) {
  return removeSecrets({ ...(await world.request()), names })
}

test("both files of a secret go, in one commit, and nothing else changes", async () => {
  const before = world.git("ls-tree", "-r", "--name-only", "HEAD").split("\n")
  const { result, files } = await remove("stripe/api-key")
  expect(files).toEqual(["secrets/stripe/api-key.age", "secrets/stripe/api-key.json"])
  expect(result).toEqual({
    removed: [{ name: "stripe/api-key", version: 1, readers: [{ agent: "ci" }] }],
    emptied: [],
  })
  const after = world.git("ls-tree", "-r", "--name-only", "HEAD").split("\n")
  expect(before.filter((path) => !after.includes(path))).toEqual(
    files.map((path) => `.agent-vault/${path}`),
  )
  expect(world.git("log", "-1", "--format=%s")).toBe("agent-vault: rm stripe/api-key")
  expect(world.git("status", "--porcelain")).toBe("")
  expect(await world.tryRead("ci", "stripe/api-key")).toBe("SECRET_NOT_FOUND")
  expect(await world.tryRead("ci", "stripe/webhook")).toBe("hook")
})

test("one name that is not there: nothing is removed", async () => {
  const head = world.git("rev-parse", "HEAD")
  expect(await outcome(remove("stripe/api-key", "stripe/api-kex"))).toBe("SECRET_NOT_FOUND")
  expect(world.git("rev-parse", "HEAD")).toBe(head)
  expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
})

test("a name is given twice, and removed once; a group without secrets is told", async () => {
  const { result } = await remove("stripe/api-key", "stripe/webhook", "stripe/api-key")
  expect(result.removed.map(({ name }) => name)).toEqual(["stripe/api-key", "stripe/webhook"])
  expect(result.emptied).toEqual(["stripe"])
})

test("who could read it once, and may not any more, is told: they still have it", async () => {
  await world.revoke("ci", "stripe")
  const { result } = await remove("stripe/api-key")
  expect(result.removed[0]).toMatchObject({ readers: [], exposed: [{ agent: "ci" }] })
})

test("a removed secret that is set anew goes on counting, and its old record is refused", async () => {
  const old = world.bytes("show", "HEAD:.agent-vault/secrets/stripe/api-key.json")
  const sealed = world.bytes("show", "HEAD:.agent-vault/secrets/stripe/api-key.age")
  await remove("stripe/api-key")
  await world.set("stripe/api-key", "anew")
  expect(await world.tryRead("ci", "stripe/api-key")).toBe("anew")
  world.write(".agent-vault/secrets/stripe/api-key.json", old.toString("utf8"))
  world.write(".agent-vault/secrets/stripe/api-key.age", sealed.toString("latin1"))
  world.git("commit", "-qam", "somebody brings the old one back")
  expect(await world.tryRead("ci", "stripe/api-key")).toBe("ROLLED_BACK")
})

test("a merge of a branch that never saw the removal does not bring it back", async () => {
  world.git("branch", "feature")
  await remove("stripe/api-key")
  world.git("switch", "-q", "feature")
  await world.set("stripe/other", "elsewhere")
  world.git("merge", "-q", "--no-edit", "main")
  expect(await world.tryRead("ci", "stripe/api-key")).toBe("SECRET_NOT_FOUND")
  expect(await world.tryRead("ci", "stripe/other")).toBe("elsewhere")
  const place = findVault(world.top)
  const { identity: key } = await world.request()
  const { findings } = await inspect({
    place,
    key,
    env: world.env,
    now: new Date(),
    history: true,
  })
  expect(findings).toEqual([])
  const left = await withVault(place, undefined, world.env, describeSecrets)
  expect(left.map(({ name }) => name)).toEqual(["stripe/other", "stripe/webhook"])
})
