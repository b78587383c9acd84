import { expect, test } from "vitest"
import { VerifiedRecords } from "../../../src/core/memory/verified-records.js"

const owned = (name: string): string => `sha256-verified-records-test-${name}`
const DIGEST = `sha256:${"0".repeat(64)}`

test("what this process verified counts under the same vault.json, and under no other", () => {
  new VerifiedRecords(owned("one"), undefined).add(DIGEST)
  expect(new VerifiedRecords(owned("one"), undefined).has(DIGEST)).toBe(true)
  expect(new VerifiedRecords(owned("other"), undefined).has(DIGEST)).toBe(false)
})

test("of many states of vault.json, only the last are kept in mind", () => {
  new VerifiedRecords(owned("first"), undefined).add(DIGEST)
  for (const name of ["a", "b", "c", "d"]) new VerifiedRecords(owned(name), undefined).add(DIGEST)
  expect(new VerifiedRecords(owned("first"), undefined).has(DIGEST)).toBe(false)
})
