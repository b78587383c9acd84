import {
  type HookCall,
  type HookDialect,
  type HookVerdict,
  asText,
  objectAt,
  textAt,
  warningOf,
} from "./hook-call.js"

/** Codex has taken it over. */
const SHELL = "Bash"

/**
 * Claude Code: https://code.claude.com/docs/en/hooks. A command in place of the tool's own comes
 * without a permission decision: the client then asks its person as ever, about the new command.
 */
export const CLAUDE_CODE: HookDialect = {
  shell: SHELL,
  read: readCall,
  answer: (call, verdict) => {
    if (verdict.is === "command") {
      return before({ updatedInput: { ...call.input, command: verdict.command } })
    }
    if (verdict.is === "output") {
      return call.hasFailed ? toldOf(verdict.names) : after({ updatedToolOutput: verdict.output })
    }
    return refusal(call, verdict)
  },
}

/**
 * Codex: https://developers.openai.com/codex/hooks. It takes another command only together with
 * `allow`, which there gives no leave: its sandbox and its questions come after the hook. What came
 * out of a tool it replaces by the reason of a block, which is a text.
 */
export const CODEX: HookDialect = {
  shell: SHELL,
  read: readCall,
  answer: (call, verdict) => {
    if (verdict.is === "command") {
      const updatedInput = { ...call.input, command: verdict.command }
      return before({ permissionDecision: "allow", updatedInput })
    }
    if (verdict.is === "output") return { decision: "block", reason: asText(verdict.output) }
    return refusal(call, verdict)
  },
}

function readCall(message: Readonly<Record<string, unknown>>): HookCall | undefined {
  const event = textAt(message, "hook_event_name")
  const [, when] = /^(Pre|Post)ToolUse(?:Failure)?$/.exec(event ?? "") ?? []
  if (when === undefined) return undefined
  const input = objectAt(message, "tool_input")
  return {
    moment: when === "Pre" ? "before" : "after",
    hasFailed: event === "PostToolUseFailure",
    cwd: textAt(message, "cwd") ?? "",
    command: textAt(message, "tool_name") === SHELL ? textAt(input, "command") : undefined,
    input,
    output: message["tool_response"] ?? message["error"],
    session: textAt(message, "session_id"),
    turn: textAt(message, "turn_id") ?? textAt(message, "prompt_id"),
    call: textAt(message, "tool_use_id"),
  }
}

function refusal({ moment }: HookCall, verdict: HookVerdict): object | undefined {
  if (verdict.is !== "refuse") return undefined
  if (moment === "after") return { decision: "block", reason: verdict.reason }
  return before({ permissionDecision: "deny", permissionDecisionReason: verdict.reason })
}

/** What a tool says that failed, the client lets no hook replace. */
function toldOf(names: readonly string[]): object {
  const hookEventName = "PostToolUseFailure"
  return { hookSpecificOutput: { hookEventName, additionalContext: warningOf(names) } }
}

function before(decision: object): object {
  return { hookSpecificOutput: { hookEventName: "PreToolUse", ...decision } }
}

function after(said: object): object {
  return { hookSpecificOutput: { hookEventName: "PostToolUse", ...said } }
}
