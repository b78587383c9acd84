import { scryptSync } from "node:crypto"
import { afterEach, describe, expect, test } from "vitest"
import { fingerprintOf } from "../../../src/precommit/allow/fingerprint.js"
import { matchesGlob } from "../../../src/precommit/allow/glob.js"
import { withoutHang } from "../../hang.js"
import { passwordLine, randomPassword } from "../keys.js"
import { Repo } from "../repo.js"

const FILE = ".agent-vault-guard.yaml"

const repos: Repo[] = []
function newRepo(): Repo {
  const repo = Repo.make()
  repos.push(repo)
  return repo
}
afterEach(() => {
  for (const repo of repos.splice(0)) repo.remove()
})

describe("what is printed to paste", () => {
  test("allows what was found once a reason is written, and nothing else", async () => {
    const repo = newRepo()
    repo.stage({ "a.ts": passwordLine(), "b.json": `{ "password": "${randomPassword()}" }\n` })
    const { stdout, code } = await repo.run("fingerprints")
    expect(code).toBe(1)
    repo.stage({ [FILE]: stdout })
    expect(await repo.guard()).toMatchObject({ error: "USAGE", code: 2 })
    repo.stage({ [FILE]: stdout.replaceAll("reason: ", "reason: of the docs") })
    const allowed = await repo.guard()
    expect(allowed).toMatchObject({ code: 0, found: [] })
    expect(JSON.parse(allowed.stdout)).toMatchObject({ allowed: 2, stale: [] })
    repo.stage({ "a.ts": passwordLine() })
    expect((await repo.guard()).found).toEqual(["a.ts:1 generic-password"])
  })

  test("holds no text, and nothing that is quick to compute from one", async () => {
    const fingerprint = await fingerprintOf("generic-password", "a password")
    expect(fingerprint).toMatch(/^[0-9a-f]{16}$/)
    expect(fingerprint).toBe(await fingerprintOf("generic-password", "a password"))
    expect(fingerprint).not.toBe(await fingerprintOf("generic-secret", "a password"))
    // 16 MiB of memory and 2^14 rounds for each guess.
    const salt = "agent-vault/guard/v1\0generic-password"
    const slow = scryptSync("a password", salt, 8, { N: 2 ** 14, r: 8, p: 1 })
    expect(fingerprint).toBe(slow.toString("hex"))
  })
})

describe("the file is read as it is committed", () => {
  test("staged, not in the work tree", async () => {
    const repo = newRepo()
    repo.stage({ "a.ts": passwordLine() })
    const entries = (await repo.run("fingerprints")).stdout.replaceAll("reason: ", "reason: why")
    repo.write(FILE, entries)
    expect((await repo.guard()).code).toBe(1)
    repo.git("add", FILE)
    expect((await repo.guard()).code).toBe(0)
    repo.write(FILE, "nonsense")
    expect((await repo.guard()).code).toBe(0)
  })

  test("at the end of a range, and from the work tree for paths", async () => {
    const repo = newRepo()
    const start = repo.commit()
    repo.stage({ "a.ts": passwordLine() })
    const entries = (await repo.run("fingerprints")).stdout.replaceAll("reason: ", "reason: why")
    repo.commit()
    expect((await repo.guard({ is: "range", range: `${start}..HEAD` })).code).toBe(1)
    expect((await repo.guard({ is: "paths", paths: ["."] })).code).toBe(1)
    repo.commit({ [FILE]: entries })
    expect((await repo.guard({ is: "range", range: `${start}..main` })).code).toBe(0)
    expect((await repo.guard({ is: "range", range: `${start}..` })).code).toBe(0)
    expect((await repo.guard({ is: "paths", paths: ["."] })).code).toBe(0)
  })

  const entry = { path: "a.ts", rule: "r", fingerprint: "0123456789abcdef", reason: "why" }
  const written = (change: object): string =>
    `version: 1\nallow:\n  - ${JSON.stringify({ ...entry, ...change })}\n`
  test.each([
    ["no YAML", "version: ["],
    ["another version", "version: 2\nallow: []\n"],
    ["an unknown key", "version: 1\nignore: []\n"],
    ["a key of an entry that is misspelt", written({ reson: "why" })],
    ["no reason", written({ reason: " " })],
    ["no rule", written({ rule: "*" })],
    ["a fingerprint that is none", written({ fingerprint: "*" })],
    ["a list", "- a\n"],
    ["an alias", "version: 1\nallow: &a []\n"],
    ["a key twice", "version: 1\nversion: 1\n"],
  ])("%s stops the commit, with the reason", async (_what, text) => {
    const repo = newRepo()
    repo.stage({ [FILE]: text })
    const ran = await repo.run("people")
    expect(ran).toMatchObject({ code: 2, error: "USAGE" })
    expect(ran.stderr).toContain("is stopped")
  })

  test("and well-formed it is no finding itself", async () => {
    const repo = newRepo()
    repo.stage({ [FILE]: written({}) })
    expect(await repo.guard()).toMatchObject({ code: 0, found: [] })
  })
})

describe("stale exceptions are told, and stop nothing", () => {
  test("entries for a file that was looked at; of all, with --all", async () => {
    const repo = newRepo()
    repo.stage({ "a.ts": passwordLine(), "b/c.ts": passwordLine() })
    const entries = (await repo.run("fingerprints")).stdout.replaceAll("reason: ", "reason: why")
    repo.stage({ [FILE]: entries.replace("b/c.ts", "b/*.ts") })
    expect(await repo.guard()).toMatchObject({ code: 0 })
    repo.commit()
    repo.stage({ "a.ts": "gone\n", "b/c.ts": "gone\n" })
    const { code, stderr } = await repo.run("people")
    expect(code).toBe(0)
    expect(stderr).toContain("generic-password for a.ts")
    expect(stderr).not.toContain("b/*.ts")
    repo.commit()
    const all = await repo.guard({ is: "all" })
    expect(JSON.parse(all.stdout)).toMatchObject({ stale: [{ path: "a.ts" }, { path: "b/*.ts" }] })
  })

  test("an entry whose value was there before is in use", async () => {
    const repo = newRepo()
    const line = passwordLine()
    repo.stage({ "a.ts": line })
    const entries = (await repo.run("fingerprints")).stdout.replaceAll("reason: ", "reason: why")
    repo.commit({ [FILE]: entries })
    repo.stage({ "a.ts": `${line}// more\n` })
    const { stdout, code } = await repo.guard()
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ stale: [] })
  })

  test("comments", async () => {
    const repo = newRepo()
    repo.stage({ "a.ts": "a\n// agent-vault: allow generic-password no longer there\nb\n" })
    const { code, stderr } = await repo.run("people")
    expect(code).toBe(0)
    expect(stderr).toContain("a.ts:2: the exception of generic-password allows nothing")
  })
})

test.each([
  ["a.ts", "a.ts", true],
  ["a.ts", "b/a.ts", false],
  ["*.ts", "a.ts", true],
  ["*.ts", "b/a.ts", false],
  ["**/*.ts", "b/c/a.ts", true],
  ["**/*.ts", "a.ts", true],
  ["test/**", "test/a/b", true],
  ["test/**", "tests/a", false],
  ["te?t/*a*/b", "text/xaay/b", true],
  ["te?t", "te/t", false],
  ["**/x/**/y", "a/x/b/x/c/y", true],
  ["**", "anything/at/all", true],
  ["", "a", false],
])("the pattern %s and the path %s: %s", (pattern, path, expected) => {
  expect(matchesGlob(pattern, path)).toBe(expected)
})

test("no pattern makes it hang", () => {
  expect(withoutHang(() => matchesGlob(`${"*a".repeat(400)}b`, "a".repeat(4000)))).toBe(false)
  expect(withoutHang(() => matchesGlob(`${"**/a/".repeat(200)}b`, "a/".repeat(2000)))).toBe(false)
})

describe("what was meant to be an exception, and is none, is told", () => {
  test.each([
    ["agent-vault: allow generic-password", "no reason"],
    ["agent-vault:allow generic-password a reason", "no blank"],
    ["agent-vault allow generic-password a reason", "no colon"],
    ["agent-vault: ignore generic-password a reason", "another word"],
    ["agent-vault: allow all of it", "a rule that is none"],
  ])("%s (%s)", async (comment) => {
    const repo = newRepo()
    repo.stage({ "a.ts": `// ${comment}\n${passwordLine()}` })
    const { stderr, code } = await repo.run("people")
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /note: a\.ts:1: (?:this is not an exception|the exception of all allows)/,
    )
  })

  test("but not where nothing is found", async () => {
    const repo = newRepo()
    repo.stage({ "a.md": "write `agent-vault: allow RULE the reason`\n" })
    expect(await repo.run("people")).toMatchObject({ code: 0, stderr: "" })
  })

  test("entries that are not staged, or in a file of another name", async () => {
    const repo = newRepo()
    repo.stage({ "a.ts": passwordLine() })
    repo.write(".agent-vault-guard.yml", "")
    expect((await repo.run("people")).stderr).toContain(".agent-vault-guard.yml is not read")
    repo.write(FILE, (await repo.run("fingerprints")).stdout.replaceAll("reason: ", "reason: why"))
    expect((await repo.run("people")).stderr).toContain(`git add ${FILE}`)
    repo.git("add", FILE)
    expect(await repo.run("people")).toMatchObject({ code: 0, stderr: "" })
  })

  test.each(["own-value", "vault-plaintext"])("an entry for %s", async (rule) => {
    const repo = newRepo()
    const entry = `{ path: a.ts, rule: ${rule}, fingerprint: "0123456789abcdef", reason: why }`
    repo.stage({ [FILE]: `version: 1\nallow: [${entry}]\n`, "a.ts": passwordLine() })
    expect(await repo.run("people")).toMatchObject({ error: "USAGE" })
  })
})

test("entries for a file that is there are printed without its beginning", async () => {
  const repo = newRepo()
  repo.stage({ [FILE]: "version: 1\nallow:\n", "a.ts": passwordLine() })
  const { stdout } = await repo.run("fingerprints")
  expect(stdout).toMatch(/^ {2}- path: "a\.ts"\n/)
  repo.stage({ [FILE]: `version: 1\nallow:\n${stdout.replaceAll("reason: ", "reason: why")}` })
  expect((await repo.guard()).code).toBe(0)
  expect(await repo.run("fingerprints")).toMatchObject({ code: 0, stdout: "" })
})
