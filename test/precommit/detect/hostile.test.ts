import { expect, test } from "vitest"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { everyRule } from "../../../src/precommit/detect/rules.js"
import { HANG, withoutHang } from "../../hang.js"
import {
  type CostOf,
  type Hostile,
  hostileForms,
  hostileTexts,
  processorTime,
  repeated,
  steepest,
} from "./hostile.js"

const look = (text: string): void => void findCredentials(text)

/** Characters over which one look takes seconds, and hours if its time grows in squares. */
const [MANY, ALL] = [2 ** 20, 2 ** 21]

// Each text has a limit of its own: that of the test is for all of them on a busy machine.
const limits = { timeout: 20 * HANG }

test("no text made against a rule takes long", limits, () => {
  // What grows most in short is tried at length. The order alone depends on the machine.
  const cost = processorTime(look)
  const short = steepest(cost, everyRule().flatMap(hostileTexts), 2 ** 12, 256)
  for (const text of steepest(cost, short, 2 ** 15, 4)) expectEnd(text, ALL)
})

test("no way of giving a value takes long", limits, () => {
  for (const text of hostileForms) expectEnd(text, MANY)
})

test("what grows in squares is found, though all else costs more in short", () => {
  const texts = ["long", "longer", "steep"].map((unit) => ({ rule: "any", unit }))
  expect(steepest(plantedCost, texts, 2 ** 12, 1)).toEqual([texts[2]])
})

test.each([
  ["in squares", /a[^b]*b/g, ALL],
  ["in powers of two", /(?:a|a)*b/g, 2 ** 13],
])("what takes time %s is found", (_, pattern, length) => {
  const planted = (text: string): void => void text.match(pattern)
  const short = processorTime((text) => planted(text.slice(0, 20)))
  const [first] = steepest(short, [{ rule: "any", unit: "a" }], 96, 1)
  expect(() => withoutHang(() => planted(repeated(first?.unit ?? "", length)), 1000)).toThrow(
    "timed out",
  )
})

const plantedCost: CostOf = ({ unit }, length) =>
  unit === "steep" ? length ** 2 / 2 ** 16 : unit.length * length + 2 ** 16

function expectEnd({ rule, unit }: Hostile, length: number): void {
  const act = (): void => withoutHang(() => look(repeated(unit, length)))
  expect(act, `${rule}: ${unit.slice(0, 80)}`).not.toThrow()
}
