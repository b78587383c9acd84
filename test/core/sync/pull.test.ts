import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import { type AgentVault, openVault } from "../../../src/core/index.js"
import { CANARIES, Trap, bring } from "../../attack/canaries.js"
import { gitThat, realGit } from "../processes.js"
import { type World, unlessBusy, vaultWorld } from "../world.js"

/** Where the owner works, with a bare remote beside it. */
let world: World
/** The agent's clone of it. */
let clone: World

afterEach(() => world.remove())

async function openClone(options: object = {}): Promise<AgentVault> {
  world = await vaultWorld()
  const origin = join(world.folder, "origin.git")
  world.git("clone", "-q", "--bare", world.top, origin)
  world.git("remote", "add", "origin", origin)
  world.git("fetch", "-q", "origin")
  world.git("branch", "-q", "--set-upstream-to=origin/main")
  world.git("clone", "-q", origin, join(world.folder, "a clone"))
  clone = world.with({}, join(world.folder, "a clone"))
  return openVault({ dir: clone.top, agent: "ci", env: clone.env, ...options })
}

describe("pull", () => {
  test("brings a new version, and then nothing", async () => {
    await using vault = await openClone()
    expect((await vault.get("stripe/api-key")).reveal()).toBe("old")
    expect(await vault.pull()).toBeUndefined()
    await world.set("stripe/api-key", "new")
    world.git("push", "-q")
    expect(await vault.pull()).toEqual({
      from: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
      to: world.git("rev-parse", "HEAD"),
    })
    expect((await vault.get("stripe/api-key")).reveal()).toBe("new")
    expect(clone.git("status", "--porcelain")).toBe("")
  })

  test("happens as often as it was asked for, and a revoke arrives by it", async () => {
    const errors: unknown[] = []
    await using vault = await openClone({
      pullEvery: 1000,
      onPullError: (error: unknown) => errors.push(error),
    })
    await vault.get("stripe/api-key")
    await world.revoke("ci", "stripe")
    world.git("push", "-q")
    await expect
      .poll(() => vault.get("stripe/api-key").then(() => "read", codeOf))
      .toBe("NOT_GRANTED")
    clone.git("remote", "set-url", "origin", "/nowhere")
    await expect.poll(() => errors.map(codeOf)).toContain("GIT_FAILED")
    await vault.close()
    const seen = errors.length
    const others: unknown[] = []
    await using other = await openVault({
      dir: clone.top,
      agent: "ci",
      env: clone.env,
      pullEvery: 1000,
      onPullError: (error: unknown) => others.push(error),
    })
    await expect.poll(() => others.length).toBe(2)
    await other.close()
    // One pull may have been under way.
    expect(errors.length - seen).toBeLessThan(2)
  })

  test.each(["500", 10, -1, "never", Number.NaN, 1e12])("not every %j", async (pullEvery) => {
    await expect(openClone({ pullEvery })).rejects.toMatchObject({ code: "USAGE" })
  })

  test("refuses what was set back, tampered with or is no vault, and leaves the clone as it is", async () => {
    await using vault = await openClone()
    const head = clone.git("rev-parse", "HEAD")
    const record = ".agent-vault/groups/stripe.json"
    const spoil = (how: () => void, why: string): void => {
      world.git("reset", "-q", "--hard", head)
      how()
      world.git("commit", "-qam", why)
      world.git("push", "-qf")
    }
    const attacks: [() => void, string][] = [
      [() => world.git("checkout", "-q", "HEAD~1", "--", record), "ROLLED_BACK"],
      [() => edit(record, "epoch", 7), "SIGNATURE_INVALID"],
      [() => edit(".agent-vault/vault.json", "serial", 7), "SIGNATURE_INVALID"],
      [() => world.git("rm", "-q", ".agent-vault/vault.json"), "NO_VAULT"],
    ]
    for (const [attack, code] of attacks) {
      spoil(attack, code)
      expect(await vault.pull().then(String, codeOf)).toBe(code)
      expect(clone.git("rev-parse", "HEAD")).toBe(head)
      expect((await vault.get("stripe/api-key")).reveal()).toBe("old")
    }
  })

  test("runs nothing that the repository brings", async () => {
    await using vault = await openClone()
    const trap = new Trap(clone)
    world.commit(".gitattributes", "*.txt filter=evil\n")
    world.commit("file.txt")
    world.git("push", "-q")
    for (const name of Object.keys(CANARIES)) {
      // It would be a branch of the clone's own, with nothing to pull.
      if (name !== "a signature that log shows") bring(trap, name)
      trap.executed()
    }
    trap.configure({ "filter.evil.required": "true" })
    expect(await vault.pull()).toBeDefined()
    expect(existsSync(join(clone.top, "file.txt"))).toBe(true)
    expect(trap.executed()).toBe("")
  })

  test("that is under way makes readers wait, who get one state or the other", async () => {
    await using vault = await openClone()
    await world.grant("deploy", "stripe")
    await world.revoke("deploy", "stripe")
    await world.set("stripe/api-key", "new")
    world.git("push", "-q")
    const [half, readOn] = [join(world.folder, "half"), join(world.folder, "read-on")]
    const path = gitThat(
      world,
      `case "$*" in *merge*) ${realGit()} checkout -q origin/main -- .agent-vault/groups
        touch ${half}; until test -e ${readOn}; do sleep 0.01; done;; esac`,
    )
    await using puller = await openVault({
      dir: clone.top,
      agent: "ci",
      env: { ...clone.env, PATH: path },
    })
    const seen = new Set([(await vault.get("stripe/api-key")).reveal()])
    const pulling = puller.pull()
    await expect.poll(() => existsSync(half)).toBe(true)
    // It looks at once, and finds half of the new state.
    const meanwhile = unlessBusy(() => vault.get("stripe/api-key"))
    writeFileSync(readOn, "")
    seen.add((await meanwhile).reveal())
    await pulling
    seen.add((await vault.get("stripe/api-key")).reveal())
    expect([...seen]).toEqual(["old", "new"])
    expect(clone.git("status", "--porcelain")).toBe("")
  })

  test("that fails half-way leaves what was", async () => {
    await using vault = await openClone()
    await world.set("stripe/api-key", "new")
    world.git("push", "-q")
    const half = `${realGit()} checkout -q origin/main -- .agent-vault/secrets; exit 1`
    const path = gitThat(world, `case "$*" in *merge*) ${half};; esac`)
    await using puller = await openVault({
      dir: clone.top,
      agent: "ci",
      env: { ...clone.env, PATH: path },
    })
    expect(await puller.pull().then(String, codeOf)).toBe("GIT_FAILED")
    expect((await vault.get("stripe/api-key")).reveal()).toBe("old")
    expect(clone.git("status", "--porcelain")).toBe("")
    expect(await vault.pull()).toBeDefined()
    expect((await vault.get("stripe/api-key")).reveal()).toBe("new")
  })

  test("says what is in its way", async () => {
    await using vault = await openClone()
    await world.set("stripe/api-key", "new")
    world.git("push", "-q")
    clone.commit("mine.txt")
    expect(await vault.pull().then(String, codeOf)).toBe("CONFLICT")
    clone.git("branch", "--unset-upstream")
    expect(await vault.pull().then(String, codeOf)).toBe("REPOSITORY_STATE")
    clone.git("checkout", "-q", "--detach")
    expect(await vault.pull().then(String, codeOf)).toBe("REPOSITORY_STATE")
    await vault.close()
    expect(await vault.pull().then(String, codeOf)).toBe("CLOSED")
  })
})

function edit(path: string, field: string, value: unknown): void {
  const record = JSON.parse(world.git("show", `HEAD:${path}`)) as object
  world.write(path, `${JSON.stringify({ ...record, [field]: value }, null, 2)}\n`)
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? error)
}
