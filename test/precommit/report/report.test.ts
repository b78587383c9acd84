import { afterEach, expect, test } from "vitest"
import { pemKey, randomPassword } from "../keys.js"
import { Repo } from "../repo.js"

const repos: Repo[] = []
function newRepo(): Repo {
  const repo = Repo.make()
  repos.push(repo)
  return repo
}
afterEach(() => {
  for (const repo of repos.splice(0)) repo.remove()
})

const FORMS = ["people", "json", "sarif", "fingerprints"] as const

test("no form shows a value, or more of it than how it begins", async () => {
  const repo = newRepo()
  const passwords = [randomPassword(), randomPassword(), "zhu6Tqx91"]
  const key = pemKey()
  repo.stage({
    "a.ts": `const password = "${passwords[0]}"\n`,
    "b.env": `DB_PASSWORD=${passwords[1]}\nPIN_TOKEN=${passwords[2]}\n`,
    "key.pem": key,
  })
  const secrets = [...passwords, ...key.split("\n").filter((line) => line.length > 20)]
  for (const form of FORMS) {
    const { stdout, stderr, code } = await repo.run(form)
    expect(code).toBe(1)
    const leaked = secrets.filter((secret) => `${stdout}${stderr}`.includes(secret.slice(0, 8)))
    expect({ form, leaked }).toEqual({ form, leaked: [] })
  }
})

test("a finding names file, line, column, rule, what it is, and the ways out", async () => {
  const repo = newRepo()
  repo.stage({ "src/a.ts": `// a\n  const password = "${randomPassword()}"\n` })
  const { stderr, stdout } = await repo.run("people")
  expect(stdout).toBe("")
  expect(stderr).toContain("1 finding; the commit is stopped")
  expect(stderr).toMatch(/^src\/a\.ts:2:21 {2}q7/m)
  for (const part of [
    "generic-password: A password in plain text",
    "agent-vault set GROUP/NAME",
    "if it was ever pushed",
    "agent-vault: allow RULE",
    "agent-vault guard --fingerprints",
  ]) {
    expect(stderr).toContain(part)
  }
})

test("what is public by design is told, and stops no commit", async () => {
  const repo = newRepo()
  const key = `phc_${randomPassword()}${randomPassword()}${randomPassword()}`
    .replace(/[^\w]/g, "0")
    .slice(0, 47)
  repo.stage({ "src/a.js": `posthog.init('${key}')\n` })
  const people = await repo.run("people")
  expect(people.code).toBe(0)
  expect(people.stderr).toMatch(
    /^note: src\/a\.js:1:15: A project key of PostHog, public by design/m,
  )
  const json = await repo.run("json")
  const report = JSON.parse(json.stdout) as { findings: unknown[]; public: { rule: string }[] }
  expect(report.findings).toEqual([])
  expect(report.public).toMatchObject([{ rule: "posthog-project-key", line: 1, public: true }])
  const sarif = await repo.run("sarif")
  expect(sarif.code).toBe(0)
  expect(JSON.parse(sarif.stdout)).toMatchObject({ runs: [{ results: [{ level: "note" }] }] })
  for (const { stdout, stderr } of [people, json, sarif]) {
    expect(`${stdout}${stderr}`).not.toContain(key.slice(0, 10))
  }
})

test("text from the repository is escaped, for people and for programs", async () => {
  const repo = newRepo()
  const name = "a\u001b[2Jb\u202ec.pem"
  repo.stage({ [name]: pemKey() })
  for (const form of FORMS) {
    const { stderr, stdout } = await repo.run(form)
    const printed = `${stderr}${stdout}`
    expect([printed.includes("\u001b"), printed.includes("\u202e")]).toEqual([false, false])
  }
  const { stdout } = await repo.run("json")
  expect(JSON.parse(stdout)).toMatchObject({ findings: [{ path: name }] })
})

test("where nothing was found, nothing is said to people, and programs get a document", async () => {
  const repo = newRepo()
  repo.stage({ "a.ts": "fine\n" })
  expect(await repo.run("people")).toMatchObject({ code: 0, stderr: "", stdout: "" })
  const { stdout } = await repo.run("json")
  expect(JSON.parse(stdout)).toMatchObject({ findings: [], files: 1, allowed: 0 })
})

test("who asked is told that nothing was found, and in how much", async () => {
  const repo = newRepo()
  repo.commit({ "a.ts": "fine\n", "b.ts": "fine\n" })
  const all = await repo.run("people", { is: "all" })
  expect(all).toMatchObject({
    code: 0,
    stdout: "",
    stderr: "agent-vault guard: 2 files, nothing found\n",
  })
})

test("the way out fits what was asked", async () => {
  const repo = newRepo()
  repo.commit({ "a.ts": "fine\n" })
  repo.stage({ "b.ts": `const password = "${randomPassword()}"\n` })
  expect((await repo.run("people")).stderr).toContain("git restore --staged FILE")
  repo.commit()
  const { stderr } = await repo.run("people", { is: "range", range: "HEAD~..HEAD" })
  expect(stderr).toContain("git rebase -i COMMIT^")
})

interface Sarif {
  readonly version: string
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly name: string; readonly rules: { id: string }[] } }
    readonly results: readonly {
      readonly ruleId: string
      readonly ruleIndex: number
      readonly message: { readonly text: string }
      readonly locations: readonly {
        readonly physicalLocation: {
          readonly artifactLocation: { readonly uri: string }
          readonly region: { readonly startLine: number; readonly startColumn: number }
        }
      }[]
      readonly partialFingerprints: Readonly<Record<string, string>>
    }[]
  }[]
}

test("SARIF has rules, results, places and fingerprints of the place only", async () => {
  const repo = newRepo()
  const stage = (): void =>
    repo.stage({
      "folder/a b.ts": `const password = "${randomPassword()}"\nconst other = { password: "${randomPassword()}" }\n`,
      "key.pem": pemKey(),
    })
  stage()
  const sarif = JSON.parse((await repo.run("sarif")).stdout) as Sarif
  expect(sarif.version).toBe("2.1.0")
  const [run] = sarif.runs
  expect(run?.tool.driver.name).toBe("agent-vault guard")
  expect(run?.results).toHaveLength(3)
  for (const { ruleId, ruleIndex } of run?.results ?? []) {
    expect(run?.tool.driver.rules[ruleIndex]?.id).toBe(ruleId)
  }
  const [location] = run?.results[0]?.locations ?? []
  expect(location?.physicalLocation).toMatchObject({
    artifactLocation: { uri: "folder/a%20b.ts", uriBaseId: "%SRCROOT%" },
    region: { startLine: 1, startColumn: 19 },
  })
  const prints = (from: Sarif): unknown[] =>
    (from.runs[0]?.results ?? []).map(({ partialFingerprints }) => partialFingerprints)
  expect(new Set(prints(sarif).map((print) => JSON.stringify(print))).size).toBe(3)
  // Other values at the same places: the same, since nothing of a value goes into them.
  stage()
  expect(prints(JSON.parse((await repo.run("sarif")).stdout) as Sarif)).toEqual(prints(sarif))
})
