import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { agentKeyFile, claimedId, findVault, withVault } from "../../../src/core/index.js"
import {
  addAgent,
  blast,
  init,
  moveSecret,
  rekeyAgent,
  removeAgent,
  removeSecrets,
  vaultInGit,
} from "../../../src/core/owner.js"
import { testWithStockAge } from "../../stock-age.js"
import { emptyWorld, outcome, type World, vaultWorld } from "../world.js"
import { openedByAge } from "./opened-by-age.js"

let world: World
beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

async function blastOf(agent: string, only?: string, where = world) {
  const place = findVault(where.top)
  return withVault(place, undefined, where.env, async (vault) =>
    blast(await vaultInGit(vault, place, where.env), agent, new Date(), { only }),
  )
}

function within(folder: string): World {
  return world.with({}, join(world.top, folder))
}

function moveVault(from: string, to: string): void {
  mkdirSync(join(world.top, to), { recursive: true })
  world.git("mv", join(from, ".agent-vault"), to)
  world.git("commit", "-qm", `the vault moves to ${to}`)
}

/** `GROUP/NAME@VERSION is`, sorted. */
async function told(agent: string, only?: string): Promise<string[]> {
  const { opens } = await blastOf(agent, only)
  return opens.map(({ name, version, is }) => `${name}@${version} ${is}`).sort()
}

function keyFileOf(agent: string): string {
  return agentKeyFile(claimedId(findVault(world.top)), agent, world.env)
}

/** A history with everything in it that changes who opens what. */
async function live(): Promise<void> {
  await world.set("db/url", "never ci's")
  await world.set("stripe/api-key", "second")
  await world.set("stripe/left", "left behind")
  await world.grant("deploy", "stripe")
  await world.revoke("ci", "stripe")
  await world.set("stripe/api-key", "third")
  await world.set("stripe/late", "after the revoke")
  await removeSecrets({ ...(await world.request()), names: ["stripe/left"] })
  await moveSecret({ ...(await world.request()), from: "stripe/webhook", to: "db/webhook" })
  await world.grant("ci", "stripe")
  await world.set("stripe/api-key", "fourth")
  await world.revoke("ci", "stripe")
  await world.set("db/webhook", "rotated")
  await world.set("stripe/api-key", "fifth")
}

test("values of every epoch that the agent had, and what of it is to be rotated", async () => {
  await live()
  expect(await told("ci")).toEqual([
    "db/webhook@1 earlier",
    "stripe/api-key@1 earlier",
    "stripe/api-key@2 earlier",
    "stripe/api-key@3 earlier",
    "stripe/api-key@4 earlier",
    "stripe/late@1 present",
    "stripe/left@1 gone",
  ])
  expect(await told("deploy")).toEqual([
    "db/webhook@1 earlier",
    "stripe/api-key@1 earlier",
    "stripe/api-key@2 earlier",
    "stripe/api-key@3 earlier",
    "stripe/api-key@4 earlier",
    "stripe/api-key@5 present",
    "stripe/late@1 present",
    "stripe/left@1 gone",
  ])
  const { groups, uncounted, missing, shallow, closed } = await blastOf("ci")
  expect({ groups, uncounted, missing, shallow, closed }).toEqual({
    groups: [],
    uncounted: [],
    missing: [],
    shallow: false,
    closed: 3,
  })
})

describe("stock age opens what blast says, and nothing else", () => {
  for (const kind of ["classic", "hybrid"] as const) {
    testWithStockAge(kind, kind, async (tools) => {
      if (kind === "hybrid") {
        world.remove()
        world = emptyWorld()
        world.commit("README.md")
        const keys = "mlkem768x25519"
        await init({ folder: world.top, name: "alice", keys, env: world.env, now: new Date() })
        for (const agent of ["ci", "deploy"]) await world.addAgent(agent)
        await world.set("stripe/api-key", "old")
        await world.set("stripe/webhook", "hook")
        await world.grant("ci", "stripe")
      }
      await live()
      await branchOff()
      for (const agent of ["ci", "deploy"]) {
        const { opens } = await blastOf(agent)
        // A value that was moved has been sealed under its other name.
        const names = opens.map(({ names: all, version }) =>
          all.map((name) => `${name}@${version}`),
        )
        const byAge = openedByAge(tools, world, keyFileOf(agent))
        expect(names.filter((each) => !each.some((name) => byAge.has(name)))).toEqual([])
        expect([...byAge].filter((name) => !names.flat().includes(name))).toEqual([])
        expect(byAge.size).toBeGreaterThan(5)
      }
    })
  }
})

/** Another branch, on which ci is granted another group, and a secret is set. */
async function branchOff(): Promise<void> {
  world.git("checkout", "-q", "-b", "release")
  await world.grant("ci", "db")
  await world.set("db/release", "only there")
  world.git("checkout", "-q", "main")
}

test("what is on another branch counts, and is no present value", async () => {
  await world.set("db/url", "not ci's here")
  await branchOff()
  expect(await told("ci")).toEqual([
    "db/release@1 gone",
    "db/url@1 present",
    "stripe/api-key@1 present",
    "stripe/webhook@1 present",
  ])
})

test("a key that is an agent's under another name too is the same key", async () => {
  const [recipient = ""] = /age1[0-9a-z]+/.exec(readFileSync(keyFileOf("ci"), "utf8")) ?? []
  // Nobody enrols it where ci is known, so it came from a branch on which there was no ci yet.
  const [made = ""] = world.git("log", "--format=%H", "--", ".agent-vault/vault.json").split("\n")
  world.git("switch", "-q", "-c", "before", made)
  await addAgent({ ...(await world.request()), agent: "robot", recipient })
  world.git("switch", "-q", "main")
  world.git("merge", "-q", "before")
  await rekeyAgent({ ...(await world.request()), agent: "ci" })
  await world.set("db/url", "robot's")
  await world.grant("robot", "db")
  const { keys } = await blastOf("ci")
  expect(keys).toContainEqual({ recipient, isPresent: false, alsoOf: ["robot"] })
  expect(await told("ci", recipient)).toContain("db/url@1 present")
})

test("a removed agent is known; one of its name has another key, and each can be meant", async () => {
  const [old = ""] = /age1[0-9a-z]+/.exec(readFileSync(keyFileOf("ci"), "utf8")) ?? []
  await rekeyAgent({ ...(await world.request()), agent: "ci" })
  await removeAgent({ ...(await world.request()), agent: "ci" })
  await world.set("stripe/api-key", "second")
  await addAgent({ ...(await world.request()), agent: "ci" })
  await world.grant("ci", "stripe")
  expect((await blastOf("ci")).keys).toHaveLength(3)
  expect(await told("ci")).toContain("stripe/api-key@2 present")
  expect(await told("ci", old)).toEqual(["stripe/api-key@1 earlier", "stripe/webhook@1 present"])
  expect(await outcome(blastOf("ci", "age1never"))).toBe("USAGE")
})

test("a squash takes records out of the history: the answer says so, and revokes still tell", async () => {
  world.git("tag", "before")
  await world.grant("deploy", "stripe")
  await world.set("stripe/api-key", "second")
  await world.revoke("deploy", "stripe")
  const tree = world.git("rev-parse", "HEAD^{tree}")
  world.git("reset", "--soft", "before")
  world.git("commit", "-qm", "squashed")
  expect(world.git("rev-parse", "HEAD^{tree}")).toBe(tree)
  const { opens, missing } = await blastOf("deploy")
  // Since the key of that epoch was deploy's, all that was sealed to it is; what was squashed away
  // nobody can count.
  expect(opens.map(({ name, version }) => `${name}@${version}`).sort()).toEqual([
    "stripe/api-key@1",
    "stripe/api-key@2",
    "stripe/webhook@1",
  ])
  expect(missing.map(({ path }) => path)).toEqual([
    "secrets/stripe/api-key.json",
    "groups/stripe.json",
  ])
})

test("what nobody signed counts for nothing, and is named", async () => {
  const path = ".agent-vault/groups/stripe.json"
  const before = world.bytes("show", `HEAD:${path}`).toString("utf8")
  world.write(path, before.replace('"agent": "ci"', '"agent": "deploy"'))
  world.git("commit", "-qam", "forged")
  const forged = world.git("rev-parse", "HEAD")
  writeFileSync(join(world.top, path), before)
  world.git("commit", "-qam", "as it was")
  const { opens, uncounted } = await blastOf("deploy")
  expect(opens).toEqual([])
  expect(uncounted).toMatchObject([{ path: "groups/stripe.json", commit: forged }])
})

test("what is too large for a record is not read, and is named", async () => {
  const path = ".agent-vault/groups/huge.json"
  world.commit(path, " ".repeat(2 ** 20 + 1))
  world.git("rm", "-q", path)
  world.git("commit", "-qm", "gone")
  expect((await blastOf("ci")).uncounted).toMatchObject([{ path: "groups/huge.json" }])
})

test("a merge of both sides of a vault is counted once", async () => {
  world.git("checkout", "-q", "-b", "side")
  await world.set("stripe/side", "side")
  world.git("checkout", "-q", "main")
  await world.set("stripe/main", "main")
  world.git("merge", "-q", "--no-edit", "side")
  expect(await told("ci")).toEqual([
    "stripe/api-key@1 present",
    "stripe/main@1 present",
    "stripe/side@1 present",
    "stripe/webhook@1 present",
  ])
})

describe("a vault that was moved to another folder", () => {
  test("what was removed before counts, and nothing is said to be missing", async () => {
    await removeSecrets({ ...(await world.request()), names: ["stripe/webhook"] })
    await world.set("stripe/api-key", "second")
    const before = await blastOf("ci")
    moveVault(".", "services/web")
    moveVault("services/web", "apps/web")
    const after = await blastOf("ci", undefined, within("apps/web"))
    expect(after).toEqual(before)
    expect(after.missing).toEqual([])
    expect(after.opens.map(({ name, is }) => `${name} ${is}`)).toContain("stripe/webhook gone")
  })

  test("what a branch set counts that has it where it was, or where it went", async () => {
    world.git("switch", "-q", "-c", "moved")
    moveVault(".", "apps/web")
    world.git("switch", "-q", "main")
    await world.set("stripe/late", "on main")
    expect(await told("ci")).toContain("stripe/late@1 present")
    world.git("switch", "-q", "moved")
    const { opens } = await blastOf("ci", undefined, within("apps/web"))
    expect(opens.map(({ name, is }) => `${name} ${is}`)).toContain("stripe/late gone")
  })

  test("another vault of the repository has no part in it", async () => {
    const folder = within("services/api").top
    mkdirSync(folder, { recursive: true })
    await init({ folder, name: "alice", keys: "x25519", env: world.env, now: new Date() })
    moveVault("services/api", "apps/api")
    moveVault(".", "apps/web")
    const { uncounted, missing } = await blastOf("ci", undefined, within("apps/web"))
    expect({ uncounted, missing }).toEqual({ uncounted: [], missing: [] })
  })
})

test("a shallow clone says that it is one", async () => {
  await world.set("stripe/api-key", "second")
  const clone = world.with({}, join(world.folder, "shallow"))
  world.git("clone", "-q", "--depth", "1", `file://${world.top}`, clone.top)
  const { shallow, opens } = await blastOf("ci", undefined, clone)
  expect(shallow).toBe(true)
  expect(opens.map(({ name, version }) => `${name}@${version}`).sort()).toEqual([
    "stripe/api-key@2",
    "stripe/webhook@1",
  ])
})

test("a longer history takes no more gits", async () => {
  const count = async (): Promise<number> => {
    const log = join(world.folder, "gits")
    writeFileSync(log, "")
    const bin = join(world.folder, "bin")
    mkdirSync(bin, { recursive: true })
    const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim()
    const shim = `#!/bin/sh\necho git >>'${log}'\nexec '${real}' "$@"\n`
    writeFileSync(join(bin, "git"), shim, { mode: 0o755 })
    const path = `${bin}${delimiter}${process.env["PATH"] ?? ""}`
    await blastOf("ci", undefined, world.with({ PATH: path }))
    return readFileSync(log, "utf8").split("\n").length
  }
  const before = await count()
  await world.set("stripe/api-key", "second")
  await world.revoke("ci", "stripe")
  await world.set("stripe/api-key", "third")
  expect(before).toBeGreaterThan(2)
  expect(await count()).toBe(before)
})

test("nobody of that name", async () => {
  expect(await outcome(blastOf("cj"))).toBe("AGENT_NOT_FOUND")
  expect(await outcome(blastOf("alice"))).toBe("AGENT_NOT_FOUND")
  expect(await outcome(blastOf("../ci"))).toBe("NAME_INVALID")
})
