import { randomBytes } from "node:crypto"
import { afterEach, describe, expect, test } from "vitest"
import { passwordLine, pemKey } from "../keys.js"
import { Repo } from "../repo.js"

const FILE = ".agent-vault-guard.yaml"

const repos: Repo[] = []
function newRepo(...rules: readonly Rule[]): Repo {
  const repo = Repo.make()
  repos.push(repo)
  if (rules.length > 0) repo.stage({ [FILE]: settings(...rules) })
  return repo
}
afterEach(() => {
  for (const repo of repos.splice(0)) repo.remove()
})

interface Rule {
  readonly id?: string
  readonly title?: string
  readonly pattern: string
}

function settings(...rules: readonly Rule[]): string {
  const named = rules.map((rule) => ({ id: "badge-number", title: "A badge number", ...rule }))
  return JSON.stringify({ version: 1, rules: named })
}

/** No rule that everybody has knows it. */
const badge = (): string => `BADGE ${String(randomBytes(4).readUInt32LE()).padStart(10, "0")}`
const badges: Rule = { pattern: String.raw`\bBADGE ([0-9]{10})\b` }

describe("a rule of the repository", () => {
  test("stops a commit, by the first group, and says what it found without showing it", async () => {
    const repo = newRepo(badges)
    const text = badge()
    repo.stage({ "a b/list.txt": `one\n  ${text}\n` })
    expect((await repo.guard()).found).toEqual(["a b/list.txt:2 badge-number"])
    const { stderr } = await repo.run("people")
    expect(stderr).toContain("a b/list.txt:2:9")
    expect(stderr).toContain("badge-number: A badge number")
    const sarif = await repo.run("sarif")
    expect(sarif.stdout).toContain("A badge number")
    for (const said of [stderr, sarif.stdout]) expect(said).not.toContain(text.slice(-10))
  })

  test("is read as it is committed, and only what is new is told", async () => {
    const repo = newRepo()
    repo.commit({ "old.txt": `${badge()}\n` })
    repo.write(FILE, settings(badges))
    repo.stage({ "new.txt": `${badge()}\n` })
    expect((await repo.guard()).code).toBe(0)
    repo.git("add", FILE)
    expect((await repo.guard()).found).toEqual(["new.txt:1 badge-number"])
    expect((await repo.guard({ is: "all" })).found).toHaveLength(2)
    const commit = repo.commit()
    expect((await repo.guard({ is: "range", range: `${commit}~..${commit}` })).found).toEqual([
      "new.txt:1 badge-number",
    ])
    expect((await repo.guard({ is: "text", bytes: Buffer.from(badge()) })).found).toEqual([
      "<stdin>:1 badge-number",
    ])
    expect((await repo.guard({ is: "paths", paths: ["new.txt"] })).code).toBe(1)
  })

  test("comes before the rules that everybody has, and hides nothing beside it", async () => {
    const repo = newRepo({ pattern: "password" }, { id: "all-text", pattern: "q7[a-zA-Z0-9]{20,}" })
    repo.stage({ "a.ts": passwordLine(), "b.pem": pemKey() })
    const { found } = await repo.guard()
    expect(found).toContain("a.ts:1 badge-number")
    expect(found).toContain("a.ts:1 all-text")
    expect(found.some((each) => each.startsWith("b.pem:1 "))).toBe(true)
  })

  test("has exceptions like any other, for one text only", async () => {
    const repo = newRepo(badges)
    const [first, second] = [badge(), badge()]
    repo.stage({ "a.txt": `${first} // agent-vault: allow badge-number a door that is gone\n` })
    expect((await repo.guard()).code).toBe(0)
    repo.stage({ "a.txt": `${first}\n` })
    const { stdout } = await repo.run("fingerprints")
    const { rules } = JSON.parse(settings(badges)) as { rules: unknown }
    const entries = stdout.replaceAll("reason: ", "reason: a door that is gone")
    const start = `version: 1\nrules: ${JSON.stringify(rules)}\nallow:\n`
    repo.stage({ [FILE]: `${start}${entries}\n` })
    expect((await repo.guard()).code).toBe(0)
    repo.stage({ "a.txt": `${first}\n${second}\n` })
    expect((await repo.guard()).found).toEqual(["a.txt:2 badge-number"])
  })

  test("does not find where it is written down itself", async () => {
    const repo = newRepo({ pattern: "PROJECT-ZEBRA" })
    expect((await repo.guard()).code).toBe(0)
    repo.stage({ "a.txt": "PROJECT-ZEBRA\n" })
    expect((await repo.guard()).code).toBe(1)
  })

  test("counts columns as the others do, and matches at the beginning of each line", async () => {
    const repo = newRepo({ pattern: "^🔑 (.+)$" })
    repo.stage({ "a.txt": "ä🔑 no\n🔑 yes\r\n🔑 is it\n" })
    const { stdout } = await repo.run("json")
    expect(JSON.parse(stdout)).toMatchObject({
      findings: [
        { line: 2, column: 4 },
        { line: 3, column: 4 },
      ],
    })
  })
})

test("a long text is searched as a whole, and each secret told once", async () => {
  const repo = newRepo(badges)
  const places = [0, 61_430, 65_520, 65_540, 69_640, 131_060, 300_000]
  const text = Buffer.alloc(310_000, "x ")
  for (const at of places) text.write(` ${badge()} `, at)
  repo.stage({ "a.txt": text })
  const { stdout } = await repo.run("json")
  const { findings } = JSON.parse(stdout) as { findings: readonly { column: number }[] }
  expect(findings.map(({ column }) => column)).toEqual(places.map((at) => at + 8))
})

describe("a rule that is not valid stops the commit, and says why", () => {
  const refused: readonly (readonly [string, readonly Rule[], string])[] = [
    ["a pattern that is none", [{ pattern: "badge(" }], "badge-number"],
    ["a look-ahead, which RE2 has not", [{ pattern: "(?=badge)" }], "badge-number"],
    ["a pattern that matches the empty text", [{ pattern: "x*" }], "matches the empty text"],
    ["an id of another form", [{ pattern: "badge", id: "Badge" }], "entry 1 of `rules`"],
    ["the id of a rule of everybody", [{ pattern: "badge", id: "npm-token" }], "npm-token"],
    ["the id of the vault's own values", [{ pattern: "badge", id: "own-value" }], "own-value"],
    ["one id twice", [badges, badges], "two rules have the id badge-number"],
    ["no title", [{ pattern: "badge", title: " " }], "has no title"],
    ["a pattern too large to run", [{ pattern: "((x{100}){100}){100}" }], "badge-number"],
  ]
  test.each(refused)("%s", async (_what, rules, why) => {
    const repo = newRepo(...rules)
    repo.stage({ "a.txt": "harmless\n" })
    const message = await repo.run("people").then(({ error }) => error)
    expect(message).toBe("USAGE")
    await expect(messageOf(repo)).resolves.toContain(why)
  })

  test("one that matches everywhere", async () => {
    const repo = newRepo({ pattern: "[a-z]" })
    repo.stage({ "a.txt": "harmless ".repeat(50) })
    await expect(messageOf(repo)).resolves.toContain("matches more than 100 times in a.txt")
  })
})

/** What the error says that the guard ends with. */
async function messageOf(repo: Repo): Promise<string> {
  const { guard } = await import("../../../src/precommit/run-guard.js")
  const request = { subject: { is: "staged" }, form: "json", cwd: repo.top, env: repo.env } as const
  return guard({ ...request, version: "", write: () => Promise.resolve(), say: () => {} }).then(
    () => "",
    (error: unknown) => String(error),
  )
}

test.each([
  String.raw`(a+)+$`,
  String.raw`(?:a*)*b`,
  String.raw`a*a*a*a*a*b`,
  String.raw`(a|aa)+c`,
  String.raw`(?s:a.*b)|\b`,
  String.raw`a|a*b`,
])("no pattern makes the guard hang: %s", async (pattern) => {
  const repo = newRepo({ pattern })
  repo.stage({ "a.txt": `${"a".repeat(1_000_000)}\n`, "b.txt": "a ".repeat(1_000_000) })
  // Found, not found, or refused: in any case before the limit of a test.
  expect((await repo.guard()).code).toBeLessThan(3)
})
