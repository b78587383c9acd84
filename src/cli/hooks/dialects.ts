import type { HookClientName } from "../parse/table/hook-clients.js"
import { CLAUDE_CODE, CODEX } from "./claude-code.js"
import { CURSOR } from "./cursor.js"
import { GEMINI_CLI } from "./gemini-cli.js"
import type { HookDialect } from "./hook-call.js"

/** How each client speaks with its hooks. */
export const DIALECTS: Readonly<Record<HookClientName, HookDialect>> = {
  "claude-code": CLAUDE_CODE,
  codex: CODEX,
  cursor: CURSOR,
  "gemini-cli": GEMINI_CLI,
}
