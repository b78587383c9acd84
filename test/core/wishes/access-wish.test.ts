import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type VaultError, findVault, identityAt, openVault } from "../../../src/core/index.js"
import { type AccessAsked, grant, requestAccess, waitingWishes } from "../../../src/core/owner.js"
import { World, vaultWorld } from "../world.js"

let template: World
let world: World

beforeAll(async () => {
  template = await vaultWorld()
  await template.set("db/password", "not-a-real-value")
})
beforeEach(() => {
  world = template.copy()
})
afterEach(() => world.remove())
afterAll(() => template.remove())

const none = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))
const MANIFEST = ".agent-vault/manifest.yaml"
const BRANCH = "agent-vault/request/access/ci/db"

interface Asking {
  readonly groups?: readonly string[]
  readonly until?: string
  readonly why?: string
  readonly push?: boolean
  readonly from?: World
}

async function ask({
  groups = ["db"],
  from = world,
  ...others
}: Asking = {}): Promise<AccessAsked> {
  const { env } = from
  const place = findVault(from.vaultFolder)
  const key = await identityAt(place, { agent: "ci" }, "never", env, none)
  const wish = { why: "the report needs it", push: false, program: "a client", ...others }
  return requestAccess({ place, key, env, now: new Date(), groups, ...wish })
}

/** All that a user has in front of them: files, index, what is checked out, and other branches. */
function inFront(): string[] {
  const head = readFileSync(join(world.top, ".git/HEAD"), "utf8")
  const index = world.git("ls-files", "--stage")
  return [
    head,
    index,
    world.git("status", "--porcelain"),
    world.git("for-each-ref", "refs/heads/main", "refs/remotes", "refs/stash", "refs/tags"),
    readFileSync(join(world.top, MANIFEST), "utf8"),
  ]
}

/** What an error says. */
async function refused(asked: Promise<unknown>): Promise<unknown> {
  return asked.then(
    () => "nothing was refused",
    ({ code, message, hint }: VaultError) => ({ code, message, hint }),
  )
}

async function opensDb(): Promise<boolean> {
  await using vault = await openVault({ dir: world.vaultFolder, agent: "ci", env: world.env })
  return await vault.has("db/password")
}

describe("a wish for access", () => {
  test("is one line of the manifest, on a branch of its own; an owner's apply makes it so", async () => {
    const before = inFront()
    const { wish, ...asked } = await ask({ until: "2099-01-01T00:00:00Z" })
    expect(asked).toMatchObject({ agent: "ci", granted: [], asked: ["db"] })
    expect(wish).toMatchObject({ is: "asked", branch: BRANCH })
    expect(inFront()).toEqual(before)
    expect(world.git("diff", "--name-only", `main...${BRANCH}`)).toBe(MANIFEST)
    const added = world.git("diff", "--unified=0", `main...${BRANCH}`).match(/^[+-] .*$/gm)
    expect(added).toEqual([
      "+  - { agent: ci, group: db, until: 2099-01-01T00:00:00Z, reason: the report needs it }",
    ])
    const message = world.git("log", "-1", "--format=%B", BRANCH)
    expect(message).toMatch(
      /^agent-vault: ci asks for db\n\nthe report needs it\n\nAsked through a client on 20.*Z\.$/,
    )
    expect(await opensDb()).toBe(false)
    world.git("merge", "--quiet", BRANCH)
    expect(await opensDb()).toBe(false)
    await world.apply()
    expect(await opensDb()).toBe(true)
  })

  test("is not written twice, and another end for it goes on top", async () => {
    await ask()
    const tip = world.git("rev-parse", BRANCH)
    const again = await ask({ why: "in other words" })
    expect(again.wish).toMatchObject({ is: "asked-already", branch: BRANCH, commit: tip })
    const other = await ask({ until: "2099-01-01T00:00:00Z" })
    expect(other.wish).toMatchObject({ is: "asked", branch: BRANCH })
    expect(world.git("rev-parse", `${BRANCH}^`)).toBe(tip)
    expect(world.git("show", `${BRANCH}:${MANIFEST}`).match(/group: db/g)).toHaveLength(1)
  })

  test("that two ask at once is written once", async () => {
    const both = await Promise.all([ask(), ask()])
    const told = new Set(both.map(({ wish }) => wish?.is))
    expect(told).toEqual(new Set(["asked", "asked-already"]))
    expect(world.git("rev-list", "--count", `main..${BRANCH}`)).toBe("1")
  })

  test("for what is granted is none; for longer than that it is one", async () => {
    expect(await ask({ groups: ["stripe"] })).toEqual({
      agent: "ci",
      granted: ["stripe"],
      asked: [],
    })
    expect(world.git("branch", "--list", "agent-vault/*")).toBe("")
    const { granted, asked, wish } = await ask({ groups: ["stripe", "db", "db"] })
    expect([granted, asked]).toEqual([["stripe"], ["db"]])
    expect(wish).toMatchObject({ branch: BRANCH })
    await world.revoke("ci", "stripe")
    await grant({
      ...(await world.request()),
      agent: "ci",
      groups: ["stripe"],
      until: "2098-01-01T00:00:00Z",
    })
    const shorter = await ask({ groups: ["stripe"], until: "2097-01-01T00:00:00Z" })
    expect(shorter.asked).toEqual([])
    const longer = await ask({ groups: ["stripe"], until: "2099-01-01T00:00:00Z" })
    expect(longer.asked).toEqual(["stripe"])
  })

  test("that is merged is pending; after that was undone it can be asked anew", async () => {
    await ask()
    world.git("merge", "--quiet", "--no-ff", "-m", "merged", BRANCH)
    expect((await ask()).wish).toEqual({ is: "pending" })
    await world.apply()
    expect((await ask()).asked).toEqual([])
    await world.revoke("ci", "db")
    const { wish } = await ask()
    expect(wish).toMatchObject({ is: "asked", branch: BRANCH })
    expect(world.git("rev-list", "--count", `main..${BRANCH}`)).toBe("1")
  })

  test("names what there is where a group is unknown", async () => {
    const unknown = await refused(ask({ groups: ["sripe"] }))
    expect(unknown).toMatchObject({
      code: "GROUP_NOT_FOUND",
      hint: "did you mean stripe? there is db, stripe",
    })
    expect(await refused(ask({ groups: ["nowhere-near"] }))).toMatchObject({
      hint: "there is db, stripe",
    })
    expect(world.git("branch", "--list", "agent-vault/*")).toBe("")
  })

  test.each([
    ["no group", { groups: [] }, "USAGE"],
    ["a name that is none", { groups: ["../x"] }, "NAME_INVALID"],
    ["an end in the past", { until: "2020-01-01T00:00:00Z" }, "USAGE"],
    ["a reason of two lines", { why: "two\nlines" }, "USAGE"],
    ["a reason that is too long", { why: "x".repeat(1001) }, "USAGE"],
  ] as const)("%s is refused", async (_what, asking, code) => {
    expect(await refused(ask(asking))).toMatchObject({ code })
    expect(world.git("branch", "--list", "agent-vault/*")).toBe("")
  })
})

describe("wherever the user is", () => {
  test("edits that are not committed stay theirs, and do not come along", async () => {
    const edited = `${readFileSync(join(world.top, MANIFEST), "utf8")}# an edit of mine\n`
    writeFileSync(join(world.top, MANIFEST), edited)
    world.write("with space/notes.txt", "staged")
    world.git("add", "-A")
    world.write("with space/notes.txt", "and edited since")
    const before = inFront()
    await ask()
    expect(inFront()).toEqual(before)
    expect(world.git("show", `${BRANCH}:${MANIFEST}`)).not.toContain("an edit of mine")
    expect(world.git("diff", "--name-only", `main...${BRANCH}`)).toBe(MANIFEST)
  })

  test("a detached HEAD will do, and a merge that is in progress", async () => {
    world.git("checkout", "--quiet", "--detach")
    writeFileSync(join(world.top, ".git/MERGE_HEAD"), `${world.git("rev-parse", "HEAD")}\n`)
    const before = inFront()
    expect((await ask()).wish).toMatchObject({ is: "asked" })
    expect(inFront()).toEqual(before)
  })

  test("a vault in a folder with a space keeps its place", async () => {
    const top = join(world.folder, "a repository, with spaces")
    execFileSync("git", ["init", "--quiet", "-b", "main", top])
    const spaced = new World(world.folder, world.env, top, join(top, "sub folder"))
    spaced.write("sub folder/README", "x")
    execFileSync("cp", ["-r", join(world.top, ".agent-vault"), spaced.vaultFolder])
    spaced.git("add", "-A")
    spaced.git("commit", "--quiet", "-m", "copied")
    const { wish } = await ask({ from: spaced })
    const branch = spaced.git("branch", "--list", "agent-vault/*", "--format=%(refname:short)")
    expect(branch).toMatch(/^agent-vault\/request\/in-x-[0-9a-f]{16}\/access\/ci\/db$/)
    expect(wish).toMatchObject({ is: "asked", branch })
    expect(spaced.git("diff", "--name-only", `main...${branch}`)).toBe(`sub folder/${MANIFEST}`)
  })

  test("of two vaults of a repository each has branches of its own, and waits for its own owner", async () => {
    const vaults = ["services/web", "services/api", "services+api"].map((folder) => {
      const one = new World(world.folder, world.env, world.top, join(world.top, folder))
      mkdirSync(one.vaultFolder, { recursive: true })
      execFileSync("cp", ["-r", join(world.top, ".agent-vault"), one.vaultFolder])
      return { folder, one }
    })
    world.git("add", "-A")
    world.git("commit", "--quiet", "-m", "copied")
    const branches = new Set<string>()
    for (const { folder, one } of [{ folder: ".", one: world }, ...vaults]) {
      const { wish } = await ask({ from: one })
      if (wish === undefined || !("branch" in wish)) throw new Error("nothing was asked")
      branches.add(wish.branch)
      const path = folder === "." ? MANIFEST : `${folder}/${MANIFEST}`
      expect(world.git("diff", "--name-only", `main...${wish.branch}`)).toBe(path)
      expect((await ask({ from: one })).wish).toMatchObject({ is: "asked-already" })
      const waiting = await waitingWishes(findVault(one.vaultFolder), one.env)
      expect(waiting).toMatchObject([{ branch: wish.branch, what: "ci asks for db" }])
    }
    expect([...branches].slice(0, 3)).toEqual([
      BRANCH,
      "agent-vault/request/in-services+web/access/ci/db",
      "agent-vault/request/in-services+api/access/ci/db",
    ])
    expect(branches.size).toBe(4)
  })

  test("a branch without a commit, or a vault that is in none, is refused with what to do", async () => {
    world.git("checkout", "--quiet", "--orphan", "empty")
    expect(await refused(ask())).toMatchObject({
      code: "REPOSITORY_STATE",
      hint: expect.stringContaining("git commit") as string,
    })
    world.git("rm", "-r", "--quiet", "--cached", ".")
    world.git("commit", "--quiet", "--allow-empty", "-m", "without it")
    expect(await refused(ask())).toMatchObject({
      code: "MANIFEST_INVALID",
      hint: expect.stringContaining("commit the vault") as string,
    })
    expect(world.git("branch", "--list", "agent-vault/*")).toBe("")
  })

  test("a branch that is checked out is not moved under its user", async () => {
    await ask()
    world.git("switch", "--quiet", BRANCH)
    const tip = world.git("rev-parse", BRANCH)
    expect((await ask()).wish).toEqual({ is: "pending" })
    expect(await refused(ask({ until: "2099-01-01T00:00:00Z" }))).toMatchObject({
      code: "REPOSITORY_STATE",
    })
    expect(world.git("rev-parse", BRANCH)).toBe(tip)
  })

  test("no program that the repository names runs", async () => {
    const marker = join(world.folder, "ran")
    const hook = join(world.top, ".git/hooks/reference-transaction")
    mkdirSync(join(hook, ".."), { recursive: true })
    writeFileSync(hook, `#!/bin/sh\ntouch '${marker}'\n`, { mode: 0o755 })
    world.git("config", "log.showSignature", "true")
    world.git("config", "gpg.program", hook)
    await ask()
    expect(() => readFileSync(marker)).toThrow()
  })
})

function remote(): string {
  return join(world.folder, "remote.git")
}

describe("a wish that is shared", () => {
  beforeEach(() => {
    execFileSync("git", ["init", "--quiet", "--bare", "-b", "main", remote()])
    world.git("remote", "add", "origin", remote())
    world.git("push", "--quiet", "-u", "origin", "main")
  })

  test("is pushed if that is asked for, and only then", async () => {
    expect((await ask()).shared).toEqual({ remote: "origin", pushed: false })
    expect(world.git("ls-remote", "origin", "agent-vault/*")).toBe("")
    const { wish, shared } = await ask({ push: true })
    expect([wish?.is, shared]).toEqual(["asked-already", { remote: "origin", pushed: true }])
    expect(world.git("ls-remote", "origin", `refs/heads/${BRANCH}`)).toContain(
      world.git("rev-parse", BRANCH),
    )
    expect((await ask()).shared).toEqual({ remote: "origin", pushed: true })
  })

  test("stays here where it cannot be pushed, which says why", async () => {
    world.git("push", "--quiet", "origin", `main:refs/heads/${BRANCH}`)
    world.git("push", "--quiet", "origin", "--delete", BRANCH)
    execFileSync("rm", ["-rf", remote()])
    const { wish, shared } = await ask({ push: true })
    expect(wish).toMatchObject({ is: "asked" })
    expect(shared).toMatchObject({ pushed: false, why: expect.any(String) as string })
    world.git("remote", "remove", "origin")
    expect((await ask({ push: true })).shared).toEqual({
      pushed: false,
      why: "this clone has no remote",
    })
  })

  test("does not replace another clone's of the same name", async () => {
    const tree = world.git("rev-parse", "main^{tree}")
    const other = world.git("commit-tree", tree, "-p", "main", "-m", "from elsewhere")
    world.git("push", "--quiet", "origin", `${other}:refs/heads/${BRANCH}`)
    const { shared } = await ask({ push: true })
    expect(shared).toMatchObject({
      pushed: false,
      why: expect.stringContaining("another") as string,
    })
    expect(world.git("ls-remote", "origin", `refs/heads/${BRANCH}`)).toContain(other)
  })
})

test("names that Git would not take, or that are too long, have branches too", async () => {
  await world.set("a..b/x", "v")
  const many = Array.from({ length: 5 }, (_, index) => `${"long-".repeat(10)}${index}`)
  for (const group of many) await world.set(`${group}/x`, "v")
  const odd = await ask({ groups: ["a..b"] })
  const long = await ask({ groups: many })
  for (const { wish } of [odd, long]) {
    expect(wish).toMatchObject({
      is: "asked",
      branch: expect.stringMatching(/^agent-vault\/request\/access\/ci\/x-[0-9a-f]{16}$/) as string,
    })
  }
})
