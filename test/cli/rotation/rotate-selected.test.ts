import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { atTerminal, plain } from "../at-terminal.js"
import { type Machine, vaultMachine } from "../machine.js"

const BOTH = ["stripe/api-key", "stripe/webhook"] as const

let template: Machine
let machine: Machine
beforeAll(async () => {
  template = await vaultMachine()
  const made = BOTH.map((name) => `agent-vault rotation -s ${name} -- roll ${name} 2>&1`)
  const ran = await template.shell(`${made.join(" && ")} && agent-vault revoke ci stripe 2>&1`)
  expect(ran).toMatchObject({ code: 0 })
})
beforeEach(() => {
  machine = template.copy()
  roll("echo new-value-for-a-test")
})
afterEach(() => machine.remove())
afterAll(() => template.remove())

/** What both secrets are rotated by, outside of the repository. */
function roll(script: string): void {
  const file = join(machine.home, "bin", "roll")
  mkdirSync(join(machine.home, "bin"), { recursive: true })
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}

interface Told {
  readonly secrets: readonly { readonly name: string; readonly fingerprint?: string }[]
}

/** The options that agree to all that `--exposed` selects. */
async function agreement(): Promise<string> {
  const { stdout } = await machine.shell("agent-vault rotate --exposed --dry-run --json")
  const { secrets } = JSON.parse(stdout) as Told
  return secrets.map(({ fingerprint }) => `--agree ${fingerprint ?? ""}`).join(" ")
}

describe("rotate of what options select", () => {
  test("ends at an interruption, and tells what was not begun", async () => {
    const pid = join(machine.home, "pid")
    roll(`kill -INT $(cat ${pid}); exec sleep 300`)
    const line = `agent-vault rotate --exposed ${await agreement()} & echo $! > ${pid}; wait $!`
    // A shell without jobs has its children ignore SIGINT.
    const ran = await machine.shell(`set -m; ${line}`)
    expect(ran).toMatchObject({ code: 130 })
    expect(ran.stderr).toContain(`Failed (1): ${BOTH[0]}\nNot begun (1): ${BOTH[1]}`)
  })

  test("leaves what a person at the terminal says no to, and does the other", async () => {
    const question = "Run this on this machine? [yes/no]"
    const seen = await atTerminal(
      machine,
      ["rotate", "--exposed"],
      [
        [question, "no\r"],
        [question, "yes\r"],
      ],
    )
    expect([seen.code, plain(seen)]).toEqual([
      1,
      expect.stringContaining(`Rotated (1): ${BOTH[1]}`),
    ])
    expect(plain(seen)).toContain(`Not agreed to, and not run (1): ${BOTH[0]}`)
  })

  test("runs nothing before all is agreed to", async () => {
    const [first = ""] = (await agreement()).split(" --")
    const ran = await machine.shell(`agent-vault rotate --exposed ${first}`)
    expect(ran).toMatchObject({ code: 2 })
    const { stdout } = await machine.shell("git log --format=%s -1")
    expect(stdout).toContain("revoke ci")
  })

  test("says what of the audit cannot be believed, and names what is called otherwise now", async () => {
    const used = `agent-vault grant ci stripe 2>&1; agent-vault grant ci db 2>&1
      agent-vault get stripe/webhook --agent ci; agent-vault get db/password --agent ci
      agent-vault mv db/password db/other 2>&1`
    expect(await machine.shell(used)).toMatchObject({ code: 0 })
    const whole = await machine.shell("agent-vault rotate --used-since 1h --dry-run")
    expect(whole).toMatchObject({ code: 0 })
    expect(whole.stdout).toMatch(/stripe\/webhook +used 1 time/)
    expect(whole.stdout).toContain("does not have now: db/password")
    const folder = join(machine.home, ".local/state/agent-vault")
    const files = readdirSync(folder, { recursive: true }).map(String)
    const file = join(folder, files.find((each) => each.endsWith("agents/ci.jsonl")) ?? "")
    const [line = "", ...lines] = readFileSync(file, "utf8").split("\n")
    writeFileSync(file, [line.replace("stripe/webhook", "stripe/webhoox"), ...lines].join("\n"))
    const broken = await machine.shell("agent-vault rotate --used-since 1h --dry-run")
    expect(broken).toMatchObject({ code: 1 })
    expect(broken.stdout).toContain("is not as it was written")
  })
})
