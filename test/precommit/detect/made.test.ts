import { expect, test } from "vitest"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { madeLookalikes, madeSecrets } from "./made.js"
import { Generator } from "./template.js"

const SEEDS = Array.from({ length: 10 }, (_, index) => 4000 + index)

test("a password for one app is found whole, in quotes or not", () => {
  const samples = SEEDS.flatMap((seed) => madeSecrets(new Generator(seed)))
  const missed = samples.filter(({ text, secret = "" }) => {
    const [found, ...others] = findCredentials(text)
    const isWhole = found !== undefined && text.slice(found.start, found.end) === secret
    return !isWhole || !found.rule.endsWith("app-password") || others.length > 0
  })
  // Chance itself writes something like words now and then.
  expect(missed.length / samples.length, missed[0]?.text).toBeLessThan(0.02)
})

test.each(SEEDS)("nothing that only has its form is found, of seed %i", (seed) => {
  for (const { kind, text } of madeLookalikes(new Generator(seed))) {
    expect(findCredentials(text), `${kind}: ${text}`).toEqual([])
  }
})
