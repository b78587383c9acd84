import { readFileSync } from "node:fs"
import { Ajv } from "ajv"
import formats from "ajv-formats"
import { afterEach, describe, expect, test } from "vitest"
import type { Finding } from "../../../src/precommit/report/finding.js"
import { everyRule } from "../../../src/precommit/detect/rules.js"
import { sarifFor } from "../../../src/precommit/report/sarif.js"
import { pemKey, randomPassword } from "../keys.js"
import { Repo } from "../repo.js"

// The schema of SARIF 2.1.0 as SchemaStore has it (rtm.5), from the package @microsoft/jest-sarif
// 1.0.0-beta.0, MIT. It is in JSON Schema draft-04, of which it uses nothing that later ones have
// not but the name of its `id`, and has a pattern that only the older syntax bears.
const {
  id: _id,
  $schema: _draft,
  ...schema
} = JSON.parse(readFileSync(new URL("sarif-schema-2.1.0.json", import.meta.url), "utf8")) as Record<
  string,
  unknown
>
const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false })
formats.default(ajv)
const isSarif = ajv.compile(schema)

const repos: Repo[] = []
afterEach(() => {
  for (const repo of repos.splice(0)) repo.remove()
})

interface Sarif {
  readonly runs: readonly [
    {
      readonly tool: { readonly driver: { readonly rules: readonly Record<string, unknown>[] } }
      readonly invocations: readonly [{ readonly toolExecutionNotifications: readonly unknown[] }]
      readonly results: readonly Result[]
    },
  ]
}

interface Result {
  readonly ruleId: string
  readonly message: { readonly text: string }
  readonly locations: readonly [
    {
      readonly physicalLocation: {
        readonly artifactLocation: { readonly uri: string; readonly uriBaseId: string }
        readonly region: { readonly startLine: number; readonly startColumn: number }
      }
    },
  ]
  readonly partialFingerprints: Readonly<Record<string, string>>
}

function prints(sarif: Sarif): readonly unknown[] {
  return sarif.runs[0].results.map(({ partialFingerprints }) => partialFingerprints)
}

/** The document, which must be valid. */
function parsed(text: string): Sarif {
  const document: unknown = JSON.parse(text)
  expect(isSarif(document), ajv.errorsText(isSarif.errors)).toBe(true)
  return document as Sarif
}

async function sarifOf(files: Readonly<Record<string, string>>): Promise<Sarif> {
  const repo = Repo.make()
  repos.push(repo)
  if (Object.keys(files).length > 0) repo.stage(files)
  return parsed((await repo.run("sarif")).stdout)
}

test("the schema refuses what is no SARIF", () => {
  expect(isSarif({ version: "2.1.0", runs: [{ results: [] }] })).toBe(false)
  expect(isSarif({ version: "2.1.0", runs: [], more: 1 })).toBe(false)
})

describe("the report is SARIF", () => {
  test("with no finding, and with nothing staged", async () => {
    for (const files of [{}, { "a.txt": "nothing\n" }]) {
      expect((await sarifOf(files)).runs[0].results).toEqual([])
    }
  })

  test("with findings in files of odd names, which are relative and percent-encoded", async () => {
    const names = [
      "with space.pem",
      "ünï/好.pem",
      "a#b?c.pem",
      "100%.pem",
      "%41.pem",
      "c:d.pem",
      "back\\slash.pem",
      "quo\"te'.pem",
      "new\nline.pem",
    ]
    const { results } = (await sarifOf(Object.fromEntries(names.map((n) => [n, pemKey()])))).runs[0]
    const places = results.map(({ locations }) => locations[0].physicalLocation.artifactLocation)
    expect(places.map(({ uri }) => decodeURIComponent(uri)).sort()).toEqual(names.toSorted())
    for (const { uri, uriBaseId } of places) {
      expect(uriBaseId).toBe("%SRCROOT%")
      const resolved = new URL(uri, "https://host/root/")
      expect(resolved.href).toBe(`https://host/root/${uri}`)
    }
  })
})

test("each rule has what GitHub shows of it: descriptions, help, tags, a severity", () => {
  const found = everyRule().map(({ id }) => finding({ rule: id }))
  const { runs } = parsed(sarifFor(reportOf(found), "1.2.3"))
  const { rules: told } = runs[0].tool.driver
  expect(told.map(({ id }) => id)).toEqual([...new Set(everyRule().map(({ id }) => id))])
  for (const rule of told) {
    expect(rule).toMatchObject({
      shortDescription: { text: expect.stringMatching(/^.{1,1024}$/) as string },
      fullDescription: { text: expect.stringMatching(/^.{1,1024}$/) as string },
      help: { text: expect.stringMatching(/./) as string },
      properties: { "security-severity": expect.stringMatching(/^\d+\.\d$/) as string },
    })
  }
})

test("each result has what GitHub needs of it; nothing is computed from a value", async () => {
  const sarif = await sarifOf({
    "key.pem": pemKey(),
    "a.ts": `const password = "${randomPassword()}"\n`,
  })
  const again = await sarifOf({
    "key.pem": pemKey(),
    "a.ts": `const password = "${randomPassword()}"\n`,
  })
  const { runs } = sarif
  expect(runs[0].results).toHaveLength(2)
  for (const { ruleId, message, locations } of runs[0].results) {
    expect(ruleId).toMatch(/./)
    expect(message.text).toMatch(/./)
    expect(locations[0].physicalLocation.region.startLine).toBeGreaterThan(0)
    expect(locations[0].physicalLocation.region.startColumn).toBeGreaterThan(0)
  }
  expect(prints(sarif)).toEqual(prints(again))
  expect(Object.keys(runs[0].results[0]?.partialFingerprints ?? {})).toEqual([
    "primaryLocationLineHash",
  ])
})

test("no more results than GitHub takes, and a word about the rest", () => {
  const many = Array.from({ length: 25_003 }, (_, at) => finding({ path: `${at}.pem` }))
  const { runs } = parsed(sarifFor(reportOf(many), "1.2.3"))
  expect(runs[0].results).toHaveLength(25_000)
  expect(JSON.stringify(runs[0].invocations)).toContain("and 3 more")
})

function finding(more: Partial<Finding>): Finding {
  return { rule: "a-rule", title: "A title", path: "a.pem", line: 1, column: 1, ...more }
}

function reportOf(findings: readonly Finding[]) {
  return {
    findings,
    public: [],
    files: 1,
    allowed: 0,
    stale: [],
    settings: { read: false },
    ownValues: { looked: false },
  }
}
