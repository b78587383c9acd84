import { afterAll, beforeAll, expect, test } from "vitest"
import { atTerminal, plain } from "../../at-terminal.js"
import { type Machine, vaultMachine } from "../../machine.js"

let machine: Machine
beforeAll(async () => {
  machine = await vaultMachine()
  machine.env["NO_COLOR"] = "1"
})
afterAll(() => machine.remove())

const SHOWN =
  /stripe\/api-key\r?\n {2}\+ GET POST .* \(stripe\)\r?\n {2}by ci, without seeing it\r?\nSign it\? /

test.each([
  ["meta", ["meta", "stripe/api-key", "--use", "stripe"]],
  ["set", ["set", "stripe/api-key", "--generate", "--use", "stripe"]],
])("%s shows at a terminal the rule that it would sign, and asks", async (_, argv) => {
  const before = machine.git("rev-parse", "HEAD")
  const asked = await atTerminal(machine, argv, [["Sign it? ", "no\r"]])
  expect(plain(asked)).toMatch(SHOWN)
  expect(plain(asked)).toContain("Nothing was changed.")
  expect(machine.git("rev-parse", "HEAD")).toBe(before)
})

test("a rule that is there already is not asked about", async () => {
  const signed = await atTerminal(
    machine,
    ["meta", "stripe/api-key", "--use", "stripe"],
    [["Sign it? ", "yes\r"]],
  )
  expect([signed.code, plain(signed)]).toEqual([0, expect.stringMatching(SHOWN)])
  const again = await machine.call(["set", "stripe/api-key", "--generate", "--use", "stripe"])
  expect(again).toMatchObject({ code: 0 })
})
