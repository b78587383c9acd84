// Where the history begins in the middle, no commit is said to have made what it found.
import { afterEach, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../../machine.js"

let machine: Machine
afterEach(() => machine.remove())

test.each([
  ["a shallow clone", 'git clone -q --depth 1 "file://$PWD" ../other && cd ../other'],
  [
    "a vault that was moved",
    "mkdir deep && git mv .agent-vault deep && git commit -qm x && cd deep",
  ],
])("of %s, the first record is from before", async (_what, begin) => {
  machine = await vaultMachine()
  const line = `set -e; git config user.name eve; git config user.email eve@example.com
    agent-vault meta stripe/api-key --description more
    git commit -q --allow-empty -m "of eve"
    ${begin}
    agent-vault history stripe/api-key
    agent-vault meta stripe/api-key --description less
    agent-vault history stripe/api-key --json`
  const { stdout, stderr, code } = await machine.shell(line)
  expect(code, stderr).toBe(0)
  expect(stdout).toMatch(/ 1 +from before: the history here begins with it +alice /)
  const { events } = JSON.parse(stdout.slice(stdout.indexOf("{"))) as { events: { is: string }[] }
  expect(events.map(({ is }) => is)).toEqual(["described", "from before"])
})
