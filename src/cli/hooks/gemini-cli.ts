import { type HookDialect, asText, objectAt, textAt } from "./hook-call.js"

const SHELL = "run_shell_command"

/** Gemini CLI: https://geminicli.com/docs/hooks/reference. It tells of no turn and no call. */
export const GEMINI_CLI: HookDialect = {
  shell: SHELL,
  read: (message) => {
    const event = textAt(message, "hook_event_name")
    if (event !== "BeforeTool" && event !== "AfterTool") return undefined
    const input = objectAt(message, "tool_input")
    const isShell = textAt(message, "tool_name") === SHELL
    return {
      moment: event === "BeforeTool" ? "before" : "after",
      cwd: textAt(message, "cwd") ?? "",
      command: isShell ? textAt(input, "command") : undefined,
      input,
      output: message["tool_response"],
      session: textAt(message, "session_id"),
      turn: undefined,
      call: undefined,
    }
  },
  answer: (_, verdict) => {
    if (verdict.is === "pass") return undefined
    if (verdict.is === "refuse") return { decision: "deny", reason: verdict.reason }
    if (verdict.is === "command") {
      const { command } = verdict
      return { hookSpecificOutput: { hookEventName: "BeforeTool", tool_input: { command } } }
    }
    // The reason of a denial stands in the place of what came out.
    const { llmContent } = objectAt({ output: verdict.output }, "output")
    return { decision: "deny", reason: asText(llmContent ?? verdict.output) }
  },
}
