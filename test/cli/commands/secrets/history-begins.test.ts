// Where the history begins in the middle, no commit is said to have made what it found.
import { afterEach, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../../machine.js"

let machine: Machine
afterEach(() => machine.remove())

test("of a shallow clone, the first record is from before", async () => {
  machine = await vaultMachine()
  const begin = 'git clone -q --depth 1 "file://$PWD" ../other && cd ../other'
  const { stdout, events } = await historyAfter(begin)
  expect(stdout).toMatch(/ 1 +from before: the history here begins with it +alice /)
  expect(events.map(({ is }) => is)).toEqual(["described", "from before"])
})

test("of a vault that was moved, it goes on where the vault was; who moved it set nothing", async () => {
  machine = await vaultMachine()
  const { stdout, events } = await historyAfter(
    "mkdir deep && git mv .agent-vault deep && git commit -qm x && cd deep",
  )
  expect(stdout).not.toContain("from before")
  expect(events.map(({ is }) => is)).toEqual(["described", "described", "set"])
  expect(events.at(-1)?.author).not.toContain("eve")
})

/** What `history` says where a clone or a move comes between two changes, and its JSON after both. */
async function historyAfter(begin: string) {
  const line = `set -e; agent-vault meta stripe/api-key --description more
    git config user.name eve; git config user.email eve@example.com
    git commit -q --allow-empty -m "of eve"
    ${begin}
    agent-vault history stripe/api-key
    agent-vault meta stripe/api-key --description less
    agent-vault history stripe/api-key --json`
  const { stdout, stderr, code } = await machine.shell(line)
  expect(code, stderr).toBe(0)
  const { events } = JSON.parse(stdout.slice(stdout.indexOf("{"))) as {
    events: { is: string; author: string }[]
  }
  return { stdout, events }
}
