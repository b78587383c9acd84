import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import type { AuditLine } from "../../../src/core/index.js"
import { Session } from "../../mcp/session.js"
import { noPseudoTerminal, testUnless } from "../../needs.js"
import { atTerminal, plain } from "../at-terminal.js"
import { type Machine, vaultMachine } from "../machine.js"

/** What is taken out of an output is noted, so that a canary in one says from whom it came. */
const CANARY = "openai-ci/openai-api-key"
const RUN = ["run", "--agent", "ci", "-g", "openai-ci", "--"]

let template: Machine
let machine: Machine
let value = ""

beforeAll(async () => {
  template = await vaultMachine()
  await done(template, ["set", "stripe/api-key"], `not-a-real-key-${"x".repeat(9)}`)
  await done(template, ["canary", "add", "ci"])
  value = await done(template, ["get", CANARY, "--owner"])
})
beforeEach(() => {
  machine = template.copy()
})
afterEach(() => machine.remove())
afterAll(() => template.remove())

async function done(at: Machine, argv: readonly string[], stdin = ""): Promise<string> {
  const { code, stdout, stderr } = await at.call(argv, stdin)
  expect([code, stderr]).toEqual([0, expect.any(String)])
  return stdout
}

function lines(): AuditLine[] {
  const state = join(machine.home, ".local", "state")
  const files = readdirSync(state, { recursive: true, encoding: "utf8" })
  const texts = files
    .filter((path) => path.endsWith(".jsonl"))
    .map((path) => readFileSync(join(state, path), "utf8"))
  expect(texts.join("")).not.toContain(value)
  return texts
    .flatMap((text) => text.trimEnd().split("\n"))
    .map((line) => JSON.parse(line) as AuditLine)
}

/** What the owner sees of it: that it was in an output, by whom, and for whom the canary was made. */
async function expectNamed(facts: object): Promise<void> {
  const noted = { agent: "ci", event: "output", decision: "redacted", ...facts }
  const found = lines().filter(({ event }) => event === "output")
  expect(found).toEqual([expect.objectContaining(noted)])
  expect(found[0]?.secrets).toEqual([expect.objectContaining({ name: CANARY })])
  const told = await done(machine, ["audit", "--canaries", "--owner"])
  expect(told).toMatch(/ci +output +openai-ci\/openai-api-key +redacted +\S.* ci$/m)
}

test("in pipes, once for both streams and all times", async () => {
  const line = `for i in 1 2 3; do echo "$OPENAI_API_KEY"; echo "$OPENAI_API_KEY" >&2; done`
  const { stdout, stderr } = await machine.shell(`agent-vault ${RUN.join(" ")} sh -c '${line}'`)
  expect(`${stdout}${stderr}`).toBe(`[REDACTED ${CANARY}]\n`.repeat(6))
  await expectNamed({ door: "run", program: "sh", secrets: [{ name: CANARY, version: 1 }] })
})

testUnless(noPseudoTerminal, "at a terminal, also where colours split it", async () => {
  const line = `printf '%s\\033[1m%s' "$(echo "$OPENAI_API_KEY" | cut -c1-9)" "$(echo "$OPENAI_API_KEY" | cut -c10-)"`
  const seen = plain(await atTerminal(machine, [...RUN, "sh", "-c", line]))
  expect(seen).toContain(`[REDACTED ${CANARY}]`)
  await expectNamed({ door: "run", program: "sh", secrets: [{ name: CANARY, version: 1 }] })
})

test("of a program that a model runs, which was not given it", async () => {
  const session = await Session.open(machine, ["--agent", "ci", "--allow-run", "--isolate", "none"])
  try {
    const args = ["get", CANARY, "--agent", "ci"]
    const asked = { program: "agent-vault", args, groups: ["stripe"] }
    const { document } = await session.call("run_command", asked)
    expect(document).toMatchObject({ exit: 0, stdout: `[REDACTED ${CANARY}]` })
    await expectNamed({ program: "agent-vault, for a client" })
  } finally {
    await session.client.close()
  }
})

test("of a tool, in a client's hook, with the client's names", async () => {
  const message = {
    hook_event_name: "PostToolUse",
    session_id: "a-session",
    tool_use_id: "a-call",
    tool_name: "Read",
    tool_input: {},
    tool_response: `found: ${value}`,
    cwd: machine.repo,
  }
  const hook = ["hooks", "answer", "claude-code", "--agent", "ci"]
  const said = await done(machine, hook, JSON.stringify(message))
  expect(said).toContain(`found: [REDACTED ${CANARY}]`)
  await expectNamed({ door: "guard", session: "a-session", call: "a-call" })
})

test("has no line where there is none, or nothing is to be noted", async () => {
  await done(machine, [...RUN, "echo", "nothing"])
  await done(machine, ["run", "--no-audit", ...RUN.slice(1), "printenv", "OPENAI_API_KEY"])
  await done(machine, ["run", "--no-redact", ...RUN.slice(1), "true"])
  expect(lines().filter(({ event }) => event === "output")).toEqual([])
})
