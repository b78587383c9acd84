import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type World, emptyWorld, vaultWorld } from "../../core/world.js"
import { Repo } from "../repo.js"

let original: World
let world: World
let repo: Repo

beforeAll(async () => {
  original = await vaultWorld()
  await original.set("stripe/api-key", "new")
})
afterAll(() => original.remove())
beforeEach(() => {
  world = original.copy()
  repo = new Repo(world.top)
})
afterEach(() => world.remove())

const SECRET = ".agent-vault/secrets/stripe/api-key"

/** What the guard finds of what is staged, less the line, which says nothing of a whole file. */
async function found(): Promise<readonly string[]> {
  const { found: findings, error } = await repo.guard()
  return error === undefined ? findings.map((line) => line.replace(":1 ", " ")) : [error]
}

describe("passes", () => {
  test("what agent-vault wrote, staged as a whole", async () => {
    await world.set("db/password", "a new group and a secret")
    await world.grant("deploy", "db")
    await world.revoke("ci", "stripe")
    repo.git("reset", "--quiet", "--soft", "HEAD~3")
    expect(repo.git("diff", "--cached", "--name-only").split("\n").length).toBeGreaterThan(5)
    expect(await found()).toEqual([])
  })

  test("a new vault, on an unborn branch", async () => {
    const empty = emptyWorld()
    try {
      await empty.init()
      await empty.set("db/password", "a value")
      const other = new Repo(empty.top)
      other.git("update-ref", "-d", "HEAD")
      expect((await other.guard()).found).toEqual([])
    } finally {
      empty.remove()
    }
  })

  test("an edited manifest, a secret that is removed, and a vault that is removed", async () => {
    const manifest = join(world.top, ".agent-vault/manifest.yaml")
    writeFileSync(
      manifest,
      `${readFileSync(manifest, "utf8").trimEnd()}\n  - { agent: deploy, group: stripe }\n`,
    )
    repo.git("add", manifest)
    expect(await found()).toEqual([])
    repo.git("rm", "--quiet", `${SECRET}.json`, `${SECRET}.age`)
    expect(await found()).toEqual([])
    repo.git("rm", "--quiet", "-r", "-f", ".agent-vault")
    expect(await found()).toEqual([])
  })

  test("a whole vault, with --all, from wherever", async () => {
    const { found: findings } = await repo.guard({ is: "all" })
    expect(findings).toEqual([])
  })
})

describe("stops", () => {
  test("a record without its ciphertext, and a ciphertext without its record", async () => {
    await world.set("stripe/api-key", "newer")
    repo.git("reset", "--quiet", "--soft", "HEAD~1")
    repo.git("restore", "--staged", `${SECRET}.age`)
    expect(await found()).toEqual([`${SECRET}.json vault-invalid`])
    repo.git("add", `${SECRET}.age`)
    repo.git("restore", "--staged", `${SECRET}.json`)
    expect(await found()).toEqual([`${SECRET}.age vault-invalid`])
  })

  test("a ciphertext that was altered, or of which no record speaks", async () => {
    const bytes = readFileSync(join(world.top, `${SECRET}.age`))
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    repo.stage({ [`${SECRET}.age`]: bytes, ".agent-vault/secrets/stripe/other.age": bytes })
    expect(await found()).toEqual([
      `${SECRET}.age vault-invalid`,
      ".agent-vault/secrets/stripe/other.age vault-invalid",
    ])
  })

  test("plaintext in the place of a ciphertext, and beside it", async () => {
    repo.stage({
      [`${SECRET}.age`]: "a value",
      ".agent-vault/secrets/stripe/api-key.txt": "a value",
      ".agent-vault/ci.key": "a key",
    })
    expect(await found()).toEqual([
      ".agent-vault/ci.key vault-plaintext",
      `${SECRET}.age vault-plaintext`,
      ".agent-vault/secrets/stripe/api-key.txt vault-plaintext",
    ])
  })

  test("a record that was edited, or is none", async () => {
    const record = readFileSync(join(world.top, `${SECRET}.json`), "utf8")
    repo.stage({
      [`${SECRET}.json`]: record.replace(/"serial": \d+/, '"serial": 99'),
      ".agent-vault/agents/ci.json": "{}\n",
    })
    expect(await found()).toEqual([
      ".agent-vault/agents/ci.json vault-invalid",
      `${SECRET}.json vault-invalid`,
    ])
  })

  test("a record that is set back, however it came about", async () => {
    repo.git("checkout", "--quiet", "HEAD~1", "--", `${SECRET}.json`, `${SECRET}.age`)
    const { stdout } = await repo.guard()
    expect(await found()).toEqual([`${SECRET}.json vault-set-back`])
    expect(stdout).toMatch(/set back from serial \d+, version 2 to serial \d+, version 1/)
    repo.commit()
    const range = await repo.guard({ is: "range", range: "HEAD~1..HEAD" })
    expect(range.found).toEqual([`${SECRET}.json:1 vault-set-back`])
  })

  test("a record that is set back in a range in which it was made", async () => {
    const start = repo.git("rev-parse", "HEAD")
    for (const value of ["two", "three"]) await world.set("stripe/api-key", value)
    repo.git("checkout", "--quiet", "HEAD~1", "--", `${SECRET}.json`, `${SECRET}.age`)
    const commit = repo.commit()
    const range = await repo.guard({ is: "range", range: `${start}..HEAD` })
    expect(range.found).toEqual([`${SECRET}.json:1 vault-set-back`])
    expect(range.stdout).toContain(commit)
  })

  test("a submodule in the place of a vault", async () => {
    repo.git("rm", "--quiet", "-r", "--cached", ".agent-vault")
    repo.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},.agent-vault`)
    expect(await found()).toEqual([".agent-vault vault-plaintext"])
  })

  test("a merge that takes the older side's record", async () => {
    repo.git("checkout", "--quiet", "-b", "side", "HEAD~1")
    repo.commit({ "a.txt": "a\n" })
    repo.git("merge", "--quiet", "--no-commit", "main")
    expect(await found()).toEqual([])
    repo.git("checkout", "--quiet", "side", "--", `${SECRET}.json`, `${SECRET}.age`)
    expect(await found()).toEqual([`${SECRET}.json vault-set-back`])
    const merge = repo.commit()
    const range = await repo.guard({ is: "range", range: "HEAD^1..HEAD" })
    expect(range.found).toEqual([`${SECRET}.json:1 vault-set-back`])
    expect(range.stdout).toContain(merge)
  })

  test("an agent's record that is removed, and a vault that loses its head", async () => {
    repo.git("rm", "--quiet", ".agent-vault/agents/ci.json")
    expect(await found()).toEqual([".agent-vault/agents/ci.json vault-invalid"])
    repo.git("reset", "--quiet", "--hard")
    repo.git("rm", "--quiet", ".agent-vault/vault.json")
    expect(await found()).toEqual([".agent-vault/vault.json vault-invalid"])
  })

  test("a manifest that is none", async () => {
    repo.stage({ ".agent-vault/manifest.yaml": "version: 1\n" })
    expect(await found()).toEqual([".agent-vault/manifest.yaml vault-invalid"])
  })

  test("a credential in a manifest, where people write", async () => {
    const manifest = join(world.top, ".agent-vault/manifest.yaml")
    const text = readFileSync(manifest, "utf8")
    repo.stage({
      ".agent-vault/manifest.yaml": `# password: "q7Lm2${"x9Kd83jfQz".repeat(2)}"\n${text}`,
    })
    expect((await repo.guard()).code).toBe(1)
  })

  test("an altered vault that is looked at as a whole", async () => {
    rmSync(join(world.top, `${SECRET}.age`))
    repo.git("add", "--all")
    repo.commit()
    const { found: findings } = await repo.guard({ is: "all" })
    expect(findings).toEqual([`${SECRET}.json:1 vault-invalid`])
  })
})
