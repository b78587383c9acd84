import { describe, expect, test } from "vitest"
import { DIALECTS } from "../../../src/cli/hooks/dialects.js"
import type { HookVerdict } from "../../../src/cli/hooks/hook-call.js"
import type { HookClientName } from "../../../src/cli/parse/table/hook-clients.js"

/** Messages as the clients' documentation shows them; those of Claude Code and Codex as they came. */
const claude = {
  session_id: "76b06265-75d9-4484-a506-3e1416ed2d9c",
  transcript_path: "/home/me/.claude/projects/p/76b06265.jsonl",
  cwd: "/home/me/project",
  prompt_id: "5a1ab630-c3a8-4bbf-8302-35b70e508c68",
  permission_mode: "default",
  hook_event_name: "PreToolUse",
  tool_name: "Bash",
  tool_input: { command: "npm test", description: "run the tests", timeout: 5000 },
  tool_use_id: "toolu_1",
}
const codex = {
  session_id: "01a222cd-1fae-7cd0-a6f3-18dc57b578b4",
  turn_id: "01a222cd-1fc1-73a0-a2e9-d44be1358dd1",
  transcript_path: null,
  cwd: "/home/me/project",
  hook_event_name: "PreToolUse",
  model: "gpt-5.2-codex",
  permission_mode: "default",
  tool_name: "Bash",
  tool_input: { command: "npm test" },
  tool_use_id: "call_1",
}
const cursor = {
  conversation_id: "conv-123",
  generation_id: "gen-456",
  hook_event_name: "preToolUse",
  workspace_roots: ["/home/me/project"],
  tool_name: "Shell",
  tool_input: { command: "npm test", working_directory: "/home/me/project" },
  tool_use_id: "tool-7",
  cursor_version: "2.4.0",
}
const gemini = {
  session_id: "s-1",
  transcript_path: "/home/me/.gemini/tmp/t.json",
  cwd: "/home/me/project",
  hook_event_name: "BeforeTool",
  timestamp: "2026-11-28T12:00:00Z",
  tool_name: "run_shell_command",
  tool_input: { command: "npm test", description: "run the tests" },
}

function answered(
  client: HookClientName,
  message: Readonly<Record<string, unknown>>,
  verdict: HookVerdict,
): unknown {
  const call = DIALECTS[client].read(message)
  if (call === undefined) throw new Error("it is about a tool")
  return DIALECTS[client].answer(call, verdict)
}

describe.each([
  ["claude-code", claude, claude.session_id, claude.prompt_id, "toolu_1"],
  ["codex", codex, codex.session_id, codex.turn_id, "call_1"],
  ["cursor", cursor, "conv-123", "gen-456", "tool-7"],
  ["gemini-cli", gemini, "s-1", undefined, undefined],
] as const)("%s", (client, message, session, turn, call) => {
  test("tells of a command, and where it belongs", () => {
    expect(DIALECTS[client].read(message)).toMatchObject({
      moment: "before",
      cwd: "/home/me/project",
      command: "npm test",
      session,
      turn,
      call,
    })
  })

  test("of another tool tells no command, though it has one", () => {
    const other = { ...message, tool_name: "mcp__x__y" }
    expect(DIALECTS[client].read(other)).toMatchObject({ command: undefined })
  })

  test("of anything else tells nothing", () => {
    for (const event of ["SessionStart", "Stop", "", undefined, 7]) {
      expect(DIALECTS[client].read({ ...message, hook_event_name: event })).toBeUndefined()
    }
  })

  test("has nothing to say where all is well", () => {
    expect(answered(client, message, { is: "pass" })).toBeUndefined()
  })
})

test("another command keeps what else the tool was given, and gives no leave of ours", () => {
  const verdict = { is: "command", command: "wrapped" } as const
  expect(answered("claude-code", claude, verdict)).toEqual({
    hookSpecificOutput: {
      hookEventName: "PreToolUse",
      updatedInput: { command: "wrapped", description: "run the tests", timeout: 5000 },
    },
  })
  expect(answered("codex", codex, verdict)).toEqual({
    hookSpecificOutput: {
      hookEventName: "PreToolUse",
      permissionDecision: "allow",
      updatedInput: { command: "wrapped" },
    },
  })
  expect(answered("cursor", cursor, verdict)).toEqual({
    permission: "allow",
    updated_input: { command: "wrapped", working_directory: "/home/me/project" },
  })
  expect(answered("gemini-cli", gemini, verdict)).toEqual({
    hookSpecificOutput: { hookEventName: "BeforeTool", tool_input: { command: "wrapped" } },
  })
})

test("a refusal has its reason where the model reads it", () => {
  const verdict = { is: "refuse", reason: "why" } as const
  expect(answered("claude-code", claude, verdict)).toEqual({
    hookSpecificOutput: {
      hookEventName: "PreToolUse",
      permissionDecision: "deny",
      permissionDecisionReason: "why",
    },
  })
  expect(answered("codex", codex, verdict)).toEqual(answered("claude-code", claude, verdict))
  expect(answered("cursor", cursor, verdict)).toEqual({
    permission: "deny",
    user_message: "why",
    agent_message: "why",
  })
  expect(answered("gemini-cli", gemini, verdict)).toEqual({ decision: "deny", reason: "why" })
})

test("an output without values takes the place of what came, as far as the client lets it", () => {
  const verdict = { is: "output", output: { stdout: "[REDACTED a/b]" }, names: ["a/b"] } as const
  const after = { ...claude, hook_event_name: "PostToolUse", tool_response: { stdout: "v" } }
  expect(answered("claude-code", after, verdict)).toEqual({
    hookSpecificOutput: { hookEventName: "PostToolUse", updatedToolOutput: verdict.output },
  })
  const failed = { ...claude, hook_event_name: "PostToolUseFailure", error: "Exit code 1\nv" }
  expect(DIALECTS["claude-code"].read(failed)?.output).toBe("Exit code 1\nv")
  expect(answered("claude-code", failed, verdict)).toMatchObject({
    hookSpecificOutput: { additionalContext: expect.stringContaining("a/b") as string },
  })
  const text = { ...verdict, output: "[REDACTED a/b]\n" }
  const afterCodex = { ...codex, hook_event_name: "PostToolUse", tool_response: "v\n" }
  expect(answered("codex", afterCodex, text)).toEqual({
    decision: "block",
    reason: "[REDACTED a/b]\n",
  })
  const afterGemini = { ...gemini, hook_event_name: "AfterTool", tool_response: {} }
  const content = { ...verdict, output: { llmContent: "[REDACTED a/b]", returnDisplay: "x" } }
  expect(answered("gemini-cli", afterGemini, content)).toEqual({
    decision: "deny",
    reason: "[REDACTED a/b]",
  })
  const afterCursor = { ...cursor, hook_event_name: "postToolUse", tool_output: '{"a":"v"}' }
  expect(DIALECTS.cursor.read(afterCursor)?.output).toEqual({ a: "v" })
  expect(answered("cursor", afterCursor, verdict)).toMatchObject({
    updated_mcp_tool_output: verdict.output,
    additional_context: expect.stringContaining("a/b") as string,
  })
})
