import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { atTerminal } from "../at-terminal.js"
import { type Machine, vaultMachine } from "../machine.js"

/** How far something is that takes over a second: a person is told, and nobody else. */
let machine: Machine
beforeAll(async () => {
  machine = await vaultMachine()
  // A Git that takes its time to hand out what it has.
  const git = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8", env: machine.env })
  const folder = join(machine.home, "bin")
  const slow = `case " $* " in *" cat-file "*) sleep 1.1 ;; esac\nexec ${git.trim()} "$@"`
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "git"), `#!/bin/sh\n${slow}\n`)
  chmodSync(join(folder, "git"), 0o755)
})
afterAll(() => machine.remove())

/** Clears the line that shows it. */
const CLEARED = "\r\u001b[K"

const LONG = [
  ["check", "Checked "],
  ["blast ci", "Taken for lost: "],
] as const

test.each(LONG)("%s shows it at a terminal, and takes it away", async (command, says) => {
  const { shown } = await atTerminal(machine, command.split(" "))
  const [first = "", ...parts] = shown.split(CLEARED)
  expect(first).toBe("")
  const report = parts.pop()
  const told = parts.filter((part) => part !== "")
  expect(told.length).toBeGreaterThan(0)
  const line = /^(?:checking|verifying) \S.*: \d+ of \d+(?:, \d+ s left)?$/
  for (const each of told) expect(each).toMatch(line)
  expect(report).toContain(says)
})

test.each(LONG)("%s has nothing of it in a pipe", async (command, says) => {
  const { stdout, stderr } = await machine.call(command.split(" "))
  expect(stderr).toContain(says)
  expect(stdout + stderr).not.toContain("s left")
  expect(stdout + stderr).not.toContain("\r")
})
