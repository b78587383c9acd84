import { type ErrorCode, asVaultError, toJson } from "../../core/index.js"
import type { ShownValues } from "./shown-values.js"

/** What a tool answers: one document, and whether it tells of a failure. */
export interface Answer {
  readonly document: Readonly<Record<string, unknown>>
  readonly isError?: true
}

/** The tool that asks an owner for what an error lacks. */
const ASK_WITH: Readonly<Partial<Record<ErrorCode, string>>> = {
  NOT_GRANTED: "request_access asks for it",
  GRANT_ENDED: "request_access asks for it",
  SECRET_NOT_FOUND: "request_secret asks for a missing one",
}

/** An answer as the protocol has it: the document, and the same as JSON for whoever reads text. */
export interface ToolResult {
  [extra: string]: unknown
  content: { type: "text"; text: string }[]
  structuredContent: Record<string, unknown>
  isError?: true
}

export function asResult({ document, isError }: Answer): ToolResult {
  return {
    content: [{ type: "text", text: toJson(document) }],
    structuredContent: { ...document },
    ...(isError === undefined ? {} : { isError }),
  }
}

/** An error as an answer, by its code. */
export function asFailure(thrown: unknown, seen: ShownValues): Answer {
  const { code, message, hint } = asVaultError(thrown)
  // Whoever can report it stands at the server, not at the client.
  if (code === "BUG") return failure({ code, message: "something went wrong that should not" })
  const ways = [hint, ASK_WITH[code]].filter((way) => way !== undefined)
  return failure({
    code,
    message: seen.clean(message),
    ...(ways.length === 0 ? {} : { hint: seen.clean(ways.join("; ").replace("?; ", "? ")) }),
  })
}

function failure(error: Readonly<Record<string, string>>): Answer {
  return { document: { error }, isError: true }
}
