import { expect, test } from "vitest"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { rules } from "../../../src/precommit/detect/rules.js"
import { hostileForms, hostileTexts, repeated, secondsPerMillion, slowest } from "./hostile.js"

/** In seconds for a million characters: several times what it is, as machines are busy. */
const LIMIT = 2
const texts = [...hostileForms, ...rules.flatMap(hostileTexts)]
const look = (text: string): void => void findCredentials(text)

test("no text made against a rule takes long", () => {
  const slow = texts
    .map(({ rule, unit }) => ({ rule, unit: unit.slice(0, 80), seconds: slowest(look, unit) }))
    .filter(({ seconds }) => seconds > LIMIT)
  expect(slow).toEqual([])
})

test("four times the text takes four times as long", () => {
  for (const { unit } of hostileForms) {
    const [short, long] = [2 ** 16, 2 ** 18].map((length) => repeated(unit, length)) as [
      string,
      string,
    ]
    look(short)
    const once = Math.max(0.1, secondsPerMillion(look, short))
    expect(secondsPerMillion(look, long) / once, unit).toBeLessThan(3)
  }
})

test("the measure tells what takes time in squares", () => {
  const pattern = /a[^b]*b/g
  expect(slowest((text) => void text.match(pattern), "a")).toBeGreaterThan(LIMIT)
})
