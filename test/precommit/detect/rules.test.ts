import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { type Rule, everyRule, patternOf } from "../../../src/precommit/detect/rules.js"
import { docsOf } from "../../../src/precommit/report/titles.js"
import { lookalikesOf } from "./lookalikes.js"
import { expand, Generator } from "./template.js"

/** Where an example is tried: alone, and as it would stand in a file. */
const places = (text: string): string[] => [text, `# before\n${text}\n# after\n`]

/** The path that a rule for some files is tried with. */
const paths = new Map([
  ["npmrc-password", ".npmrc"],
  ["pgpass-password", ".pgpass"],
  ["rails-master-key", "config/master.key"],
  ["secrets-file-password", "sasl_passwd"],
  ["solana-key", "id.json"],
])

// One test for each rule: each message says what of it failed.
test.each(everyRule().map((rule) => ({ id: rule.id, rule })))("$id", ({ id, rule }) => {
  const path = paths.get(id)
  const origin = path === undefined ? {} : { path }
  expectExamplesFound(rule, origin)
  expectLookalikesPass(rule, origin)
  expectBounds(rule)
})

function expectExamplesFound(rule: Rule, origin: { path?: string }): void {
  expect(rule.examples?.length, "examples").toBeGreaterThan(0)
  for (const [index, template] of (rule.examples ?? []).entries()) {
    const missed = []
    for (let seed = 0; seed < 20; seed += 1) {
      const text = expand(template, new Generator(seed * 100 + index))
      for (const place of places(text)) {
        const found = findCredentials(place, origin).map((finding) => finding.rule)
        if (!found.includes(rule.id)) missed.push({ place, found })
      }
    }
    // Chance itself makes a text now and then that looks like a person's.
    const message = `example that is not found: ${JSON.stringify(missed[0])}`
    expect(missed.length, message).toBeLessThanOrEqual(2)
  }
}

function expectLookalikesPass(rule: Rule, origin: { path?: string }): void {
  const templates = [...(rule.lookalikes ?? []), ...(rule.examples ?? []).map(hollow)]
  for (const template of templates) {
    const text = expand(template, new Generator(7))
    for (const place of places(text)) {
      expect(findCredentials(place, origin), `look-alike: ${place}`).toEqual([])
    }
  }
}

test("docs/guard.md says how many there are", () => {
  const page = readFileSync(new URL("../../../docs/guard.md", import.meta.url), "utf8")
  expect(/has (\d+) rules for formats/.exec(page)?.[1]).toBe(String(everyRule().length))
})

test("each rule has look-alikes in context, and hardly any is found", () => {
  const generator = new Generator(11)
  const lookalikes = everyRule().flatMap((rule) => {
    const some = lookalikesOf(rule, generator)
    expect(some.length, `${rule.id}: look-alikes`).toBeGreaterThan(0)
    return some.map(({ kind, text }) => ({ id: rule.id, kind, text }))
  })
  const alarms = lookalikes.filter(({ text }) => findCredentials(text).length > 0)
  const first = JSON.stringify(alarms[0])
  expect(alarms.length / lookalikes.length, first).toBeLessThan(0.005)
})

/** It is linear, and says where to read on. */
function expectBounds(rule: Rule): void {
  const source = rule.pattern ?? rule.value ?? ""
  expect(unbounded(source), `repetition without a limit: ${source}`).toEqual([])
  expect(nested(source), `repetition in a repetition: ${source}`).toEqual([])
  expect(() => patternOf(rule), "pattern").not.toThrow()
  expect(docsOf(rule.id) ?? "", "page to read on").toMatch(/^https:\/\//)
  expect(rule.keywords ?? rule.names ?? rule.path, "keywords, names or path").toBeDefined()
  for (const word of [...(rule.keywords ?? []), ...(rule.names ?? [])]) {
    // wordFinder() looks for three characters at least: a shorter word is never found.
    expect(word.length, `length of ${word}`).toBeGreaterThanOrEqual(3)
  }
}

test("each rule has a name of its own, and there are enough of them", () => {
  const ids = everyRule().map((rule) => rule.id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.length).toBeGreaterThanOrEqual(170)
})

/** An example with x for all that was random: what documentation prints. */
function hollow(template: string): string {
  return template
    .replace(
      /\{(?:pem|openssh)[^}]*\}/g,
      "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    )
    .replace(/\{uuid\}/g, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
    .replace(/\{\w+:(\d+)\}/g, (_, count: string) => "x".repeat(Number(count)))
    .replace(/\{\w+(?::[\w-]+)?\}/g, "x".repeat(20))
}

/** Repetitions without a limit. */
function unbounded(source: string): string[] {
  const plain = source.replace(/\\./g, "_").replace(/\[[^\]]*\]/g, "_")
  return plain.match(/[*+]|\{\d+,\}/g) ?? []
}

/** Groups that are repeated and hold a repetition that could match the same text in many ways. */
function nested(source: string): string[] {
  const plain = source.replace(/\\./g, "_").replace(/\[[^\]]*\]/g, "_")
  return plain.match(/\((?:\?:)?_\{\d+,\d+\}\)\{\d+,\d+\}/g) ?? []
}
