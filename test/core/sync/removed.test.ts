import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { inspect } from "../../../src/core/check/inspect.js"
import { removeGroup } from "../../../src/core/change/groups.js"
import { NO_CHOICES } from "../../../src/core/merge/merge-vault.js"
import { changeMetadata } from "../../../src/core/change/change-metadata.js"
import { moveSecret } from "../../../src/core/change/move-secret.js"
import { removeSecrets } from "../../../src/core/change/remove-secrets.js"
import { setSecret } from "../../../src/core/change/set.js"
import { findVault } from "../../../src/core/disk/place.js"
import { outcome, vaultWorld, type World } from "../world.js"
import { resolveAt, syncAt, twoMachines } from "./clones.js"

// What one clone changed and removed, before another one that never saw it makes its own.

let worlds: readonly World[] = []
let [one, two]: World[] = []

beforeEach(async () => {
  const template = await vaultWorld()
  worlds = [template, ...twoMachines(template)]
  ;[, one, two] = worlds
})
afterEach(() => worlds.forEach((world) => world.remove()))

function both(): readonly [World, World] {
  if (one === undefined || two === undefined) throw new TypeError("there are two machines")
  return [one, two]
}

async function remove(world: World, name: string): Promise<void> {
  await removeSecrets({ ...(await world.request()), names: [name] })
}

/** Both go on, read the same, and nothing in the history is set back. */
async function expectReads(name: string, value: string): Promise<void> {
  const [here, there] = both()
  await syncAt(here)
  await syncAt(there)
  for (const world of [here, there]) {
    expect(await world.tryRead("ci", name)).toBe(value)
    const { identity: key } = await world.request()
    const place = findVault(world.top)
    const report = await inspect({ place, key, env: world.env, now: new Date(), history: true })
    expect(report.findings.filter(({ code }) => code !== "EXPOSED")).toEqual([])
  }
  expect(here.git("rev-parse", "HEAD:.agent-vault")).toBe(
    there.git("rev-parse", "HEAD:.agent-vault"),
  )
}

test("a name that the other one had further, and removed, locks out no reader of what is new", async () => {
  const [here, there] = both()
  for (const value of ["first", "second", "third"]) await here.set("stripe/new", value)
  await remove(here, "stripe/new")
  await syncAt(here)
  await there.set("stripe/new", "another")
  const synced = await syncAt(there)
  expect(synced).toMatchObject({ settled: ["stripe/new"] })
  await expectReads("stripe/new", "another")
})

test("the same where whoever removed it syncs last", async () => {
  const [here, there] = both()
  await there.set("stripe/new", "another")
  await syncAt(there)
  for (const value of ["first", "second"]) await here.set("stripe/new", value)
  await moveSecret({ ...(await here.request()), from: "stripe/new", to: "stripe/moved" })
  await syncAt(here)
  await expectReads("stripe/new", "another")
  expect(await there.tryRead("ci", "stripe/moved")).toBe("second")
})

test.each([
  ["earlier", "2026-01-01T00:00:00Z"],
  ["later", "2036-01-01T00:00:00Z"],
])("the same where both came as far, and what is new was made %s", async (_when, date) => {
  const [here, there] = both()
  await here.set("stripe/new", "first")
  await remove(here, "stripe/new")
  await syncAt(here)
  const dated = there.with({ GIT_COMMITTER_DATE: date, GIT_AUTHOR_DATE: date })
  await dated.set("stripe/new", "another")
  expect(await syncAt(there)).toMatchObject({ settled: ["stripe/new"] })
  await expectReads("stripe/new", "another")
})

test("what was changed here and removed there is a person's choice, and goes on from both", async () => {
  const [here, there] = both()
  for (const value of ["first", "second", "third"]) await here.set("stripe/api-key", value)
  await remove(here, "stripe/api-key")
  await syncAt(here)
  await there.set("stripe/api-key", "another")
  expect(await outcome(syncAt(there))).toBe("CONFLICT")
  await outcome(Promise.resolve().then(() => there.git("merge", "-q", "origin/main")))
  await resolveAt(there, { named: new Map([["stripe/api-key", "ours"]]) })
  there.git("commit", "-q", "--no-edit")
  await syncAt(there)
  await expectReads("stripe/api-key", "another")
})

test("what was made and removed on one side of a merge is gone on from, however git walks", async () => {
  const [here, there] = both()
  await here.set("stripe/new", "first")
  await remove(here, "stripe/new")
  await syncAt(here)
  await there.set("stripe/webhook", "meanwhile")
  await syncAt(there)
  await there.set("stripe/new", "another")
  await syncAt(there)
  await expectReads("stripe/new", "another")
})

test("a removal that meets no change stays one", async () => {
  const [here, there] = both()
  await here.set("stripe/api-key", "first")
  await remove(here, "stripe/api-key")
  await syncAt(here)
  await there.set("stripe/webhook", "another")
  await syncAt(there)
  await expectReads("stripe/api-key", "SECRET_NOT_FOUND")
})

test("a name made anew within one second has a new value, whatever else is said of it there", async () => {
  const [here, there] = both()
  const now = new Date()
  const put = async (value: string): Promise<unknown> =>
    setSecret({
      ...(await here.request()),
      now,
      name: "stripe/new",
      value: Buffer.from(value),
      metadata: {},
    })
  await put("first")
  await syncAt(here)
  await syncAt(there)
  await remove(here, "stripe/new")
  await put("second")
  await syncAt(here)
  const metadata = { description: "described" }
  await changeMetadata({ ...(await there.request()), name: "stripe/new", metadata })
  await syncAt(there)
  await expectReads("stripe/new", "second")
})

test("a name made anew, described elsewhere, has no new value by that, and no later one meets it", async () => {
  const [here, there] = both()
  for (const value of ["first", "second", "third"]) await here.set("stripe/new", value)
  await syncAt(here)
  await syncAt(there)
  await remove(there, "stripe/new")
  await there.set("stripe/new", "anew")
  await syncAt(there)
  const said = { metadata: { description: "what it is for" }, cleared: [] }
  await changeMetadata({ ...(await here.request()), name: "stripe/new", ...said })
  await syncAt(here)
  await there.set("stripe/new", "later")
  expect(await syncAt(there)).toMatchObject({ settled: ["stripe/new"] })
  await expectReads("stripe/new", "later")
})

describe("a move that git takes for a rename", () => {
  /** Long enough to be like what it was, whatever else changes. */
  const note = "what this secret is for, and who asked for it ".repeat(12).trim()

  /** What another one changed meanwhile, over what `here` moved; everybody chooses the others' side. */
  async function meets(change: (there: World) => Promise<unknown>): Promise<void> {
    const [here, there] = both()
    const name = "stripe/api-key"
    await changeMetadata({
      ...(await here.request()),
      name,
      metadata: { description: note },
      cleared: [],
    })
    await syncAt(here)
    await syncAt(there)
    await moveSecret({ ...(await here.request()), from: name, to: "stripe/moved" })
    await syncAt(here)
    await change(there)
    expect(await outcome(syncAt(there))).toBe("CONFLICT")
    await outcome(Promise.resolve().then(() => there.git("merge", "-q", "origin/main")))
    await resolveAt(there, { named: new Map(), all: "theirs" })
    there.git("commit", "-q", "--no-edit")
    await syncAt(there)
  }

  test("is one still where the old name was changed, on the side that merges", async () => {
    const [, there] = both()
    const value = await there.read("ci", "stripe/api-key")
    await meets((world) => world.set("stripe/api-key", "another"))
    await expectReads("stripe/moved", value)
    expect(await there.tryRead("ci", "stripe/api-key")).toBe("SECRET_NOT_FOUND")
  })

  test("is one still where the new name was taken as well", async () => {
    const [, there] = both()
    const value = await there.read("ci", "stripe/api-key")
    await meets(async (world) => {
      await world.set("stripe/api-key", "another")
      await world.set("stripe/moved", "a third")
    })
    await expectReads("stripe/moved", value)
    expect(await there.tryRead("ci", "stripe/api-key")).toBe("SECRET_NOT_FOUND")
  })

  test("loses nothing where the side that merges moved it to a name that was taken there", async () => {
    const [here, there] = both()
    const name = "stripe/api-key"
    const metadata = { description: note }
    await changeMetadata({ ...(await here.request()), name, metadata, cleared: [] })
    await syncAt(here)
    await syncAt(there)
    await here.set(name, "another")
    await here.set("stripe/moved", "a third")
    await syncAt(here)
    await moveSecret({ ...(await there.request()), from: name, to: "stripe/moved" })
    expect(await outcome(syncAt(there))).toBe("CONFLICT")
    await outcome(Promise.resolve().then(() => there.git("merge", "-q", "origin/main")))
    // Nobody has chosen yet: nothing of it can be committed.
    const open = await resolveAt(there, { named: new Map() })
    expect(open.conflicts.map((each) => each.name).sort()).toEqual([name, "stripe/moved"])
    expect(there.git("ls-files", "--unmerged")).not.toBe("")
    await resolveAt(there, { named: new Map(), all: "theirs" })
    there.git("commit", "-q", "--no-edit")
    await syncAt(there)
    await expectReads(name, "another")
    await expectReads("stripe/moved", "a third")
  })
})

test.each([
  ["with nothing of its own", async () => {}],
  ["and merges", async (here: World) => here.set("stripe/beside", "else")],
  [
    "and signs it anew, as an owner",
    async (here: World) => here.revoke("ci", "stripe").then(() => here.grant("ci", "stripe")),
  ],
])("what was made here and undone does not stand in the way of another's, %s", async (_, then) => {
  const [here, there] = both()
  for (const value of ["undone", "undone, too", "and this"]) await here.set("stripe/new", value)
  here.git("reset", "-q", "--hard", "HEAD~3")
  await there.set("stripe/new", "another")
  await syncAt(there)
  await then(here)
  await syncAt(here)
  await expectReads("stripe/new", "another")
})

test("what was made here, published and set back stands in the way", async () => {
  const [here, there] = both()
  await here.set("stripe/new", "published")
  here.git("push", "-q", "origin", "HEAD")
  here.git("reset", "-q", "--hard", "HEAD~1")
  here.git("push", "-q", "--force", "origin", "HEAD")
  await there.set("stripe/new", "another")
  await syncAt(there)
  expect(await outcome(syncAt(here))).toBe("ROLLED_BACK")
})

test("a group that a rebase left out from under a secret is handed on by no sync, and comes back", async () => {
  const [here, there] = both()
  await here.set("fresh/one", "first")
  await syncAt(here)
  await syncAt(there)
  await removeGroup({ ...(await here.request()), group: "fresh", withSecrets: true })
  await syncAt(here)
  await there.set("fresh/two", "second")
  there.git("pull", "-q", "--rebase", "origin", "main")
  const hint = expect.stringContaining("agent-vault resolve") as string
  await expect(syncAt(there)).rejects.toMatchObject({ code: "RECORD_INVALID", hint })
  expect((await resolveAt(there, NO_CHOICES)).settled).toContain("fresh")
  there.git("commit", "-q", "--no-verify", "-m", "the group is back")
  expect((await there.apply()).files).toEqual([])
  await there.grant("ci", "fresh")
  await syncAt(there)
  await expectReads("fresh/two", "second")
})

test("where the branch never had the group, a pick is to be taken back", async () => {
  const [here, there] = both()
  await here.set("fresh/one", "first")
  await here.set("fresh/two", "second")
  await syncAt(here)
  there.git("fetch", "-q", "origin")
  there.git("cherry-pick", "origin/main")
  const hint = expect.stringContaining("take the commit back: git reset --hard HEAD~1") as string
  const refused = { code: "RECORD_INVALID", hint }
  await expect(resolveAt(there, NO_CHOICES)).rejects.toMatchObject(refused)
  there.git("reset", "-q", "--hard", "HEAD~1")
  await syncAt(there)
  expect((await resolveAt(there, NO_CHOICES)).settled).toEqual([])
})
