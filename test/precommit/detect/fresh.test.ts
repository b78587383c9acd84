import { expect, test } from "vitest"
import { base62Crc } from "../../../src/precommit/encoded/checksum.js"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { type Fresh, freshLookalikes, freshSecrets } from "./fresh.js"
import { expand, Generator } from "./template.js"

// Fixed seeds: what chance makes is the same in each run, and the bench draws others.
const SEEDS = Array.from({ length: 20 }, (_, index) => 1000 + index)
const ROUNDS = 10

const isFound = ({ text }: Fresh): boolean => findCredentials(text).length > 0

test("of fresh values, 98 in 100 are found", () => {
  const samples = SEEDS.flatMap((seed) => {
    const generator = new Generator(seed)
    return Array.from({ length: ROUNDS }, () => freshSecrets(generator)).flat()
  })
  const missed = samples.filter((sample) => !isFound(sample))
  expect(missed.length / samples.length, missed[0]?.text).toBeLessThan(0.02)
})

test.each(SEEDS)("no look-alike of seed %i is a finding", (seed) => {
  const alarms = freshLookalikes(new Generator(seed)).filter(isFound)
  expect(alarms.map(({ text }) => text)).toEqual([])
})

const rulesIn = (text: string): string[] => findCredentials(text).map(({ rule }) => rule)

test("a sign in a password is no reference, wherever it stands", () => {
  const [head, tail] = ["Kd83!sQ", "FFSDk2l1"]
  for (const sign of "$(./<>[{~@&*!#%^|;") {
    for (const value of [`${head}${sign}${tail}`, `${sign}${head}${sign}${tail}`]) {
      const text = JSON.stringify({ db: { password: value } })
      expect(rulesIn(text), text).toEqual(["generic-password"])
    }
  }
})

test("a quote that is written twice belongs to the value", () => {
  const value = ["Kd8''3h$Q", "F;k2<l1Z"].join("''")
  const text = `password: '${value}'`
  const [found, ...others] = findCredentials(text)
  expect(others).toEqual([])
  expect(text.slice(found?.start, found?.end)).toBe(value)
  expect(rulesIn("password: ''\nname: 'x'\n")).toEqual([])
})

test("what its checksum confirms may hold any row", () => {
  for (const seed of SEEDS) {
    const generator = new Generator(seed)
    for (const row of ["12345678", "AAAAAAAA", "abcdefgh"]) {
      const body = expand(`{base62:11}${row}{base62:11}`, generator)
      expect(rulesIn(`see ghs_${body}${base62Crc(body)}`), body).toEqual(["github-server-token"])
    }
  }
  expect(rulesIn(`see ghs_${"12345678".repeat(4)}1234`)).toEqual([])
})

test("a provider's token may hold runs and rows, what stands for one may not", () => {
  for (const seed of SEEDS) {
    const generator = new Generator(seed)
    const token = expand("{base62:52}JQQJ99BCACAAAAAAAAAAAAASAZDO{base62:4}", generator)
    expect(rulesIn(`see ${token}`), `seed ${seed}`).toEqual(["azure-devops-pat"])
  }
  expect(rulesIn(`see ${"A".repeat(76)}AZDOabcd`)).toEqual([])
})
