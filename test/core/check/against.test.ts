import { cpSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { CheckFinding } from "../../../src/core/check/check-finding.js"
import { inspect } from "../../../src/core/check/inspect.js"
import { findVault } from "../../../src/core/disk/place.js"
import { changeRotation } from "../../../src/core/rotation/change-rotation.js"
import { type World, vaultWorld } from "../world.js"

const SECRET = "secrets/stripe/api-key.json"
const GROUP = "groups/stripe.json"

let world: World

beforeAll(async () => {
  world = await vaultWorld()
  world.git("branch", "base")
  await world.set("db/password", "p")
  await world.grant("deploy", "db")
  const edit = { do: "put", step: "run", words: ["roll"] } as const
  await changeRotation({ ...(await world.request()), name: "db/password", edit })
})
afterAll(() => world.remove())

/** Changes a record without its owner. */
function breakRecord(path: string): void {
  const file = join(".agent-vault", path)
  world.write(file, readFileSync(join(world.top, file), "utf8").replace("{", "{ "))
}

test("what is refused here is told once, and not of the commit that it is compared with", async () => {
  breakRecord(GROUP)
  breakRecord(SECRET)
  const place = findVault(world.top)
  const told = await inspect({ place, env: world.env, now: new Date(), against: "base" })
  const refused = told.findings.filter(({ severity }) => severity === "refused")
  expect(refused.map(({ subject }) => subject)).toEqual([GROUP, SECRET])
  // The others are compared all the same.
  expect(told.access).toEqual([{ group: "db", gained: ["deploy"], lost: [] }])
  expect(told.rotations?.map(({ secret }) => secret)).toEqual(["db/password"])
})

test("a branch that lacks commits of the other is told to merge them, and passes then", async () => {
  world.git("checkout", "-q", "--", ".agent-vault")
  const place = findVault(world.top)
  const findings = async (): Promise<readonly CheckFinding[]> =>
    (await inspect({ place, env: world.env, now: new Date(), against: "main" })).findings
  world.git("checkout", "-q", "-b", "topic", "main")
  world.git("checkout", "-q", "main")
  await world.set("stripe/api-key", "of-main")
  world.git("checkout", "-q", "topic")
  await world.set("stripe/webhook", "of-topic")
  const hint =
    "this branch lacks commits of main, and that may be all: git merge main; then check again"
  expect(await findings()).toMatchObject([{ code: "ROLLED_BACK", subject: SECRET, hint }])
  world.git("merge", "-q", "--no-edit", "main")
  expect(await findings()).toEqual([])
  // What was set back on top of it is no lack.
  world.git("checkout", "-q", "main~1", "--", ".agent-vault/secrets/stripe")
  world.git("commit", "-q", "--no-verify", "-m", "as before")
  const setBack = (await findings()).filter(({ message }) => message.startsWith("falls back"))
  expect(setBack.map(({ subject }) => subject)).toContain(SECRET)
  expect(setBack.filter((each) => each.hint?.includes("lacks"))).toEqual([])
})

test("a shallow clone, whose history is cut off, is not told that its branch lacks commits", async () => {
  world.git("checkout", "-q", "-f", "-B", "topic", "main")
  world.git("checkout", "-q", "base", "--", `.agent-vault/${SECRET}`)
  world.git("commit", "-q", "--no-verify", "-m", "as before")
  const top = join(world.folder, "shallow")
  const from = `file://${world.top}`
  world.git("clone", "-q", "--no-single-branch", "--depth=1", "--branch=topic", from, top)
  const clone = world.with({}, top)
  const request = { place: findVault(top), env: clone.env, now: new Date() }
  const { findings } = await inspect({ ...request, against: "origin/main" })
  const setBack = findings.filter(({ message }) => message.startsWith("falls back"))
  expect(setBack).toMatchObject([{ code: "ROLLED_BACK", subject: SECRET }])
  expect(setBack[0]?.hint ?? "").not.toContain("lacks")
})

test("a branch without a commit is compared all the same", async () => {
  world.git("checkout", "-q", "-f", "main")
  world.git("checkout", "-q", "--orphan", "anew")
  const request = { place: findVault(world.top), env: world.env, now: new Date(), against: "base" }
  const { findings, access } = await inspect(request)
  expect(findings).toEqual([])
  expect(access).toEqual([{ group: "db", gained: ["deploy"], lost: [] }])
})

test("a vault that was moved is compared with itself, and with no copy of it", async () => {
  const moved = await vaultWorld()
  const against = async (): Promise<readonly CheckFinding[]> => {
    const place = findVault(moved.vaultFolder)
    const request = { place, env: moved.env, now: new Date(), against: "base" }
    return (await inspect(request)).findings
  }
  try {
    moved.git("branch", "base")
    moved.write("apps/README", "x")
    moved.git("mv", ".agent-vault", "apps/.agent-vault")
    moved.git("add", "-A")
    moved.git("commit", "-q", "-m", "moved")
    moved.vaultFolder = join(moved.top, "apps")
    expect(await against()).toEqual([])
    await moved.set("stripe/api-key", "later")
    expect(await against()).toEqual([])
    // Moved once more, and a secret set back with that.
    moved.git("branch", "-f", "base")
    moved.git("checkout", "-q", "HEAD~1", "--", "apps/.agent-vault/secrets")
    moved.write("web/README", "x")
    moved.git("mv", "apps/.agent-vault", "web/.agent-vault")
    moved.vaultFolder = join(moved.top, "web")
    expect(await against()).toMatchObject([{ code: "ROLLED_BACK", subject: SECRET }])
    // Of two that say they are this one, neither is.
    moved.git("commit", "-q", "-m", "moved again")
    for (const copy of ["one", "two"]) {
      cpSync(moved.vaultFolder, join(moved.top, copy), { recursive: true })
    }
    moved.git("add", "one", "two")
    moved.git("rm", "-q", "-r", "--cached", "web")
    moved.git("commit", "-q", "-m", "two copies")
    moved.git("branch", "-f", "base")
    expect((await against()).map(({ code }) => code)).toContain("NO_VAULT")
  } finally {
    moved.remove()
  }
})
