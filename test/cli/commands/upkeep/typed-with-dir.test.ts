// A line that is shown where --dir says which vault is meant acts on that vault where it is copied.
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { type Machine, type Ran, vaultMachine } from "../../machine.js"

let machine: Machine
beforeEach(async () => {
  machine = await vaultMachine()
  mkdirSync(join(machine.home, "it's elsewhere"))
})
afterEach(() => machine.remove())

const typed = (line: string): Promise<Ran> =>
  machine.shell(line, { cwd: join(machine.home, "it's elsewhere"), stdin: "v" })
const DIR = "--dir ../repo"

test.each([
  [`agent-vault grant deploy db ${DIR}`, `agent-vault get ${DIR} db/password --agent deploy`],
  [
    `agent-vault rm stripe/webhook ${DIR}; agent-vault rm stripe/api-key ${DIR}`,
    `agent-vault group remove ${DIR} stripe`,
  ],
  [
    `agent-vault use stripe/webhook stripe --yes ${DIR}; agent-vault status ${DIR}`,
    `agent-vault use ${DIR} --list`,
  ],
  [`agent-vault revoke ci stripe ${DIR}`, `agent-vault list ${DIR} --exposed`],
  [`agent-vault doctor ${DIR}`, `agent-vault doctor ${DIR} --fix`],
  [`XDG_STATE_HOME=$PWD/new agent-vault join more ${DIR}`, `agent-vault trust ${DIR}`],
])("of %s", async (line, next) => {
  const { stdout, stderr } = await typed(line)
  expect(stdout + stderr).toContain(`: ${next}\n`)
  const { code, stderr: told } = await typed(next)
  expect([code, told].join(" ")).not.toMatch(/^[2-9]|NO_VAULT/)
})

test("a hint, also of an option that was given again", async () => {
  const { stderr } = await typed(`agent-vault get stripe/nothing --agent ci ${DIR}`)
  const [hint = ""] = /agent-vault list [^;\n]*/.exec(stderr) ?? []
  expect(stderr).toContain(`agent-vault list ${DIR}`)
  expect((await typed(hint)).code).toBe(0)
  const again = await typed(`agent-vault group remove db ${DIR}`)
  expect(again.stderr.split(DIR)).toHaveLength(2)
})

test("what an owner types in a clone of their own names no folder of this one", async () => {
  const { stderr } = await typed(`agent-vault get db/password --agent ci ${DIR}`)
  expect(stderr).toContain("ask an owner: agent-vault grant ci db\n")
})
