import type { VaultError } from "../../core/index.js"
import { type Terminal, bold, harmless, say, toJson } from "./terminal.js"

/** Our one form of an error: code, what, and the next command. With --json, one line of JSON. */
export function tellError(
  terminal: Terminal,
  { code, message, hint, exitCode, cause }: ToldError,
  isJson: boolean,
): void {
  if (isJson) {
    const error = { code, message, ...(hint === undefined ? {} : { hint }), exitCode }
    return say(terminal, toJson({ error }))
  }
  say(terminal, `${bold(terminal, `agent-vault: ${code}`)}: ${harmless(message)}`)
  if (hint !== undefined) say(terminal, `  ${harmless(hint)}`)
  if (code === "BUG" && cause instanceof Error) say(terminal, framesOf(cause))
}

type ToldError = Pick<VaultError, "code" | "message" | "hint" | "exitCode" | "cause">

function framesOf(error: Error): string {
  const lines = (error.stack ?? "").split("\n")
  return lines.filter((line) => /^\s+at /.test(line)).join("\n")
}
