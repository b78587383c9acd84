import { createHash } from "node:crypto"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { AuditLine } from "../../src/core/index.js"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { HttpClient, Listening } from "./listening.js"
import { done } from "./service.js"
import { PATIENT, Session } from "./session.js"

const NAME = "stripe/api-key"
/** As Codex 0.171.0 sends it, and Claude Code 2.1.332; as VS Code does by a report of others. */
const CODEX = {
  callId: "call_1",
  "x-codex-turn-metadata": { session_id: "01a2-session", turn_id: "01a2-turn", model: "m" },
  sessionId: "another",
  progressToken: 1,
}
const CLAUDE = { "claudecode/toolUseId": "toolu_1", progressToken: 2 }
const VSCODE = {
  "vscode.conversationId": "dc30",
  "vscode.requestId": "bf76",
  progressToken: "1106",
}

let machine: Machine
beforeEach(async () => {
  machine = await vaultMachine()
  for (const display of ["DISPLAY", "WAYLAND_DISPLAY"]) delete machine.env[display]
})
afterEach(() => machine.remove())

async function noted(): Promise<readonly AuditLine[]> {
  const text = await done(machine, ["audit", "--json", "--agent", "ci"])
  return (JSON.parse(text) as { lines: AuditLine[] }).lines
}

function reading(name = NAME, _meta?: Record<string, unknown>) {
  const call = { name: "get_secret", arguments: { name } }
  return _meta === undefined ? call : { ...call, _meta }
}

describe("a value that get_secret shows is noted with the call that it was for", () => {
  test.each([
    [
      "as we document it",
      { "agent-vault/session": "talk", "agent-vault/turn": "7" },
      "talk",
      "7",
      /^\d+$/,
    ],
    ["as Codex does", CODEX, "01a2-session", "01a2-turn", /^call_1$/],
    ["as VS Code does", VSCODE, "dc30", "bf76", /^\d+$/],
    ["as Claude Code does", CLAUDE, undefined, undefined, /^toolu_1$/],
    [
      "ours before another's",
      { ...CODEX, "agent-vault/session": "talk" },
      "talk",
      "01a2-turn",
      /^call_1$/,
    ],
    [
      "with what is no name",
      { "agent-vault/session": 5, "x-codex-turn-metadata": null, callId: "" },
      undefined,
      undefined,
      /^\d+$/,
    ],
  ] as const)("named %s", async (_how, meta, session, turn, id) => {
    await using open = await Session.open(machine, ["--agent", "ci", "--reveal", "allow"])
    await open.client.callTool(reading(NAME, meta), undefined, PATIENT)
    const [line] = await noted()
    expect([line?.event, line?.program]).toEqual(["read", "a client"])
    expect(line?.session).toMatch(session === undefined ? /^[0-9a-f]{16}$/ : session)
    expect(line?.turn).toBe(turn)
    expect(line?.call).toMatch(id)
  })

  test("each by its own, also where several come at once from one memory", async () => {
    await using open = await Session.open(machine, ["--agent", "ci", "--reveal", "allow"])
    const turns = Array.from({ length: 8 }, (_, at) => `turn-${at}`)
    await Promise.all(
      turns.map((turn) =>
        open.client.callTool(reading(NAME, { "agent-vault/turn": turn }), undefined, PATIENT),
      ),
    )
    const lines = await noted()
    expect(new Set(lines.map(({ turn }) => turn))).toEqual(new Set(turns))
    expect(new Set(lines.map(({ call }) => call)).size).toBe(turns.length)
    expect(new Set(lines.map(({ session }) => session)).size).toBe(1)
  })

  test("also by what searches a reason for values", async () => {
    await using open = await Session.open(machine, ["--agent", "ci"])
    await open.client.callTool(
      {
        name: "request_access",
        arguments: { groups: ["db"], why: "the report" },
        _meta: { "agent-vault/session": "talk", "agent-vault/turn": "7" },
      },
      undefined,
      PATIENT,
    )
    const line = (await noted()).find(({ door }) => door === "guard")
    expect(line).toMatchObject({ program: "a client", session: "talk", turn: "7" })
    expect(line?.call).toMatch(/^\d+$/)
  })
})

describe("a session that no client names", () => {
  const CLIENT = "claude-code"

  test.each([
    ["is Claude Code's, which says so to what it starts", CLIENT, {}, "of-claude"],
    ["is that of a hook, where one says so", CLIENT, { AGENT_VAULT_SESSION: "of-hook" }, "of-hook"],
    ["is its own, where another client inherits that", "a client", {}, /^[0-9a-f]{16}$/],
  ])("%s", async (_what, name, more, expected) => {
    Object.assign(machine.env, { CLAUDE_CODE_SESSION_ID: "of-claude", ...more })
    const session = new Session(machine, ["--agent", "ci", "--reveal", "allow"], undefined, {
      name,
    })
    await session.client.connect(session.transport, PATIENT)
    await session.client.callTool(reading(), undefined, PATIENT)
    await session.client.close()
    const [line] = await noted()
    expect(line?.session).toMatch(expected)
    expect(line?.program).toBe(name)
  })

  test("is that of the protocol over HTTP, one for each client, and never the id itself", async () => {
    machine.env["CLAUDE_CODE_SESSION_ID"] = "of-who-started-the-server"
    await using listening = await Listening.open(machine, "--reveal", "allow")
    const ids: string[] = []
    for (const name of ["claude-code", "another"]) {
      await using http = await HttpClient.open(listening, undefined, { name })
      await http.client.callTool(reading())
      ids.push(http.transport.sessionId ?? "")
    }
    const lines = await noted()
    expect(lines.map(({ program }) => program)).toEqual(["claude-code", "another"])
    expect(lines.map(({ session }) => session)).toEqual(
      ids.map((id) => createHash("sha256").update(id).digest("hex").slice(0, 16)),
    )
    for (const id of ids) expect(JSON.stringify(lines)).not.toContain(id)
  })
})
