// What is told of a secret that two branches changed at once.
import { afterEach, beforeEach, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../../machine.js"

let machine: Machine
beforeEach(async () => {
  machine = await vaultMachine()
})
afterEach(() => machine.remove())

async function done(line: string): Promise<string> {
  const { code, stdout, stderr } = await machine.shell(`set -e; ${line}`)
  expect(code, stderr).toBe(0)
  return stdout
}

interface Told {
  readonly values: readonly { readonly set: string; readonly ended?: string }[]
  readonly missing?: readonly object[]
}

async function whoCouldRead(): Promise<Told> {
  return JSON.parse(await done("agent-vault who-could-read stripe/api-key --json")) as Told
}

test("each record is told by what it replaced, and nothing is missing once it is settled", async () => {
  await done(`
    git switch -q -c other && printf theirs | agent-vault set stripe/api-key
    git switch -q main && agent-vault meta stripe/api-key --description main
    agent-vault revoke ci stripe && printf ours | agent-vault set stripe/api-key
    git merge -q other || true
    agent-vault resolve --theirs && git commit -q --no-edit`)
  const { events } = JSON.parse(await done("agent-vault history stripe/api-key --json")) as {
    events: { is: string; serial: number; fields: string[] }[]
  }
  const [, ...before] = events.map(({ is, serial, fields }) => [serial, is, ...fields].join(" "))
  expect(before.toSorted()).toEqual([
    "1 set",
    "2 described description",
    "2 set",
    "3 sealed anew",
    "4 set",
  ])
  const { values, missing = [] } = await whoCouldRead()
  expect(missing).toEqual([])
  expect(values.filter(({ set, ended = set }) => ended < set)).toEqual([])
})
