import { type HookDialect, objectAt, textAt, warningOf } from "./hook-call.js"

const SHELL = "Shell"

/**
 * Cursor: https://cursor.com/docs/agent/hooks. Of what came out of a tool, it lets a hook replace
 * that of MCP tools only; of the others, the model hears that it has seen what it should not.
 */
export const CURSOR: HookDialect = {
  shell: SHELL,
  read: (message) => {
    const event = textAt(message, "hook_event_name")
    if (event !== "preToolUse" && event !== "postToolUse") return undefined
    const input = objectAt(message, "tool_input")
    return {
      moment: event === "preToolUse" ? "before" : "after",
      cwd: textAt(message, "cwd") ?? textAt(input, "working_directory") ?? firstText(message) ?? "",
      command: textAt(message, "tool_name") === SHELL ? textAt(input, "command") : undefined,
      input,
      output: parsed(message["tool_output"]),
      session: textAt(message, "conversation_id"),
      turn: textAt(message, "generation_id"),
      call: textAt(message, "tool_use_id"),
    }
  },
  answer: ({ moment, input }, verdict) => {
    if (verdict.is === "pass") return undefined
    if (verdict.is === "command") {
      return { permission: "allow", updated_input: { ...input, command: verdict.command } }
    }
    if (verdict.is === "output") {
      return {
        updated_mcp_tool_output: verdict.output,
        additional_context: warningOf(verdict.names),
      }
    }
    if (moment === "after") return { additional_context: verdict.reason }
    return { permission: "deny", user_message: verdict.reason, agent_message: verdict.reason }
  },
}

function firstText({ workspace_roots: roots }: Readonly<Record<string, unknown>>) {
  const first: unknown = Array.isArray(roots) ? roots[0] : undefined
  return typeof first === "string" ? first : undefined
}

/** It hands the output on as JSON within a text. */
function parsed(output: unknown): unknown {
  if (typeof output !== "string") return output
  try {
    return JSON.parse(output)
  } catch {
    return output
  }
}
