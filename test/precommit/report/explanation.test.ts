import { afterEach, expect, test } from "vitest"
import { Explainer } from "../../../src/precommit/look/explainer.js"
import { scanBytes } from "../../../src/precommit/look/scan.js"
import type { ExplainedFile } from "../../../src/precommit/report/request.js"
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

/** What became of each match of a file, as `line rule outcome veto by`. */
async function explained(repo: Repo, ...paths: readonly string[]): Promise<string[][]> {
  const { stdout } = await repo.run("json", { is: "paths", paths }, {}, repo.top, true)
  const { explained: files } = JSON.parse(stdout) as { explained: ExplainedFile[] }
  return files.map(({ matches }) =>
    matches.map(({ line, rule, outcome, veto, by }) =>
      [line, rule, outcome, veto, by].filter((part) => part !== undefined).join(" "),
    ),
  )
}

test("no form shows more of a value than a finding does, of what is silenced neither", async () => {
  const repo = newRepo()
  const [found, harmless] = [randomPassword(), randomPassword()]
  const key = pemKey()
  const word = "Correct-staple-of-summers"
  repo.stage({
    "a.ts": `const password = "${found}"\nconst csrfToken = "${harmless}"\nconst token = "${word}"\n`,
    "key.pem": key,
  })
  const secrets = [found, harmless, word, ...key.split("\n").slice(1, -2)]
  for (const form of ["people", "json"] as const) {
    const subject = { is: "paths", paths: ["a.ts", "key.pem"] } as const
    const { stdout, stderr, code } = await repo.run(form, subject, {}, repo.top, true)
    expect(code).toBe(1)
    expect(stdout).toContain("harmless-name")
    expect(stdout).toContain("chance")
    const leaked = secrets.filter((secret) => `${stdout}${stderr}`.includes(secret.slice(0, 5)))
    expect({ form, leaked }).toEqual({ form, leaked: [] })
  }
})

test("what an exception allows is told as allowed, by a comment or an entry", async () => {
  const repo = newRepo()
  const [first, second] = [randomPassword(), randomPassword()]
  const comment = "agent-vault: allow generic-password the account of a test"
  repo.stage({
    "a.ts": `password = "${first}" // ${comment}\n`,
    "b.ts": `password = "${second}"\n`,
  })
  const { stdout } = await repo.run("fingerprints", { is: "paths", paths: ["b.ts"] })
  repo.write(".agent-vault-guard.yaml", stdout.replace("reason: ", "reason: the account of a test"))
  expect(await explained(repo, "a.ts", "b.ts")).toEqual([
    expect.arrayContaining(["1 generic-password allowed comment"]),
    ["1 generic-password allowed entry"],
  ])
})

test("a rule of the repository tells what a general rule would", async () => {
  const repo = newRepo()
  const rule = "  - id: acme-badge\n    title: a badge\n    pattern: 'q7[A-Za-z0-9]{18,60}'\n"
  repo.write(".agent-vault-guard.yaml", `version: 1\nrules:\n${rule}`)
  repo.write("a.ts", `password = "${["q7Lm2x9Kd83jf", "QzW8rT5vB"].join("")}"\n`)
  expect(await explained(repo, "a.ts")).toEqual([
    expect.arrayContaining([
      "1 acme-badge reported",
      "1 generic-password silenced better-rule acme-badge",
    ]),
  ])
})

test("nothing of a value of the vault is shown, not even how it begins", () => {
  const value = randomPassword()
  const text = `password = "${value}"\n`
  const start = text.indexOf(value)
  const explainer = new Explainer()
  const own = (bytes: Uint8Array) =>
    Buffer.from(bytes).includes(value)
      ? [{ secret: "db/password", start, end: start + value.length }]
      : []
  const scanned = scanBytes("a.ts", Buffer.from(text), { own, explainer })
  explainer.end(scanned)
  const [file] = explainer.explain(scanned.findings)
  expect(file?.matches).toMatchObject([
    { rule: "own-value", outcome: "reported", excerpt: `(${value.length} characters)` },
    { rule: "generic-password", by: "own-value", excerpt: `(${value.length} characters)` },
  ])
  expect(JSON.stringify(file)).not.toContain(value.slice(0, 3))
})

test("it says what a file was not looked at for", async () => {
  const repo = newRepo()
  const oid = "0".repeat(64)
  repo.write("big.bin", `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize 1\n`)
  repo.write("a.bin", Buffer.from([0, 1, 2]))
  repo.write("yarn.lock", "a\n")
  const paths = ["big.bin", "a.bin", "yarn.lock"]
  const { stdout, code } = await repo.run("people", { is: "paths", paths }, {}, repo.top, true)
  expect(code).toBe(0)
  expect(stdout.split("\n")).toEqual([
    "big.bin: no rule matched: a pointer of Git LFS",
    "a.bin: no rule matched: looked for private keys and own values only",
    "yarn.lock: no rule matched: a tool wrote it, so names in it count for nothing",
    "",
  ])
})
