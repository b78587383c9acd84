import { expect, test } from "vitest"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { everyRule } from "../../../src/precommit/detect/rules.js"
import { HANG, withoutHang } from "../../hang.js"
import { type Hostile, costliest, hostileForms, hostileTexts, repeated } from "./hostile.js"

const look = (text: string): void => void findCredentials(text)

/** Characters over which one look takes seconds, and hours if its time grows in squares. */
const [MANY, ALL] = [2 ** 20, 2 ** 21]

// Each text has a limit of its own: that of the test is for all of them on a busy machine.
const limits = { timeout: 20 * HANG }

test("no text made against a rule takes long", limits, () => {
  // What costs most in short is tried at length. The order alone depends on the machine.
  const short = costliest(look, everyRule().flatMap(hostileTexts), 2 ** 13, 64)
  for (const text of costliest(look, short, 2 ** 16, 4)) expectEnd(text, ALL)
})

test("no way of giving a value takes long", limits, () => {
  for (const text of hostileForms) expectEnd(text, MANY)
})

test.each([
  ["in squares", /a[^b]*b/g, ALL],
  ["in powers of two", /(?:a|a)*b/g, 2 ** 13],
])("what takes time %s is found", (_, pattern, length) => {
  const planted = (text: string): void => void text.match(pattern)
  const [first] = costliest(
    (text) => planted(text.slice(0, 20)),
    [{ rule: "any", unit: "a" }],
    99,
    1,
  )
  expect(() => withoutHang(() => planted(repeated(first?.unit ?? "", length)), 1000)).toThrow(
    "timed out",
  )
})

function expectEnd({ rule, unit }: Hostile, length: number): void {
  const act = (): void => withoutHang(() => look(repeated(unit, length)))
  expect(act, `${rule}: ${unit.slice(0, 80)}`).not.toThrow()
}
