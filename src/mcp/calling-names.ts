import { hash } from "node:crypto"
import type { CallMade } from "../serving/serving.js"

/** A call as it arrives. */
interface Arrived {
  readonly requestId: string | number
  /** Of the protocol, over HTTP. */
  readonly sessionId?: string | undefined
  readonly _meta?: Readonly<Record<string, unknown>> | undefined
}

type MetaName = readonly [name: string, member?: string]

/**
 * Where clients say what a call belongs to, the first that does: as we document it, then as each is
 * seen to do. Codex, VS Code, Claude Code.
 */
const SAID: Readonly<Record<"session" | "turn" | "call", readonly MetaName[]>> = {
  session: [
    ["agent-vault/session"],
    ["x-codex-turn-metadata", "session_id"],
    ["vscode.conversationId"],
  ],
  turn: [["agent-vault/turn"], ["x-codex-turn-metadata", "turn_id"], ["vscode.requestId"]],
  call: [["claudecode/toolUseId"], ["callId"]],
}

/** Hex digits of a session's digest. */
const DIGITS = 16

/** What the audit names of a call: what the client says, else what the protocol has. */
export function namesOf({ requestId, sessionId, _meta = {} }: Arrived): Omit<CallMade, "program"> {
  const said = (ways: readonly MetaName[]): string | undefined =>
    ways.map((way) => saidIn(_meta, way)).find((text) => text !== undefined)
  return {
    // Who knows the id could go on in that session; the audit is read by others.
    session: said(SAID.session) ?? (sessionId && hash("sha256", sessionId).slice(0, DIGITS)),
    turn: said(SAID.turn),
    call: said(SAID.call) ?? String(requestId),
  }
}

function saidIn(
  meta: Readonly<Record<string, unknown>>,
  [name, member]: MetaName,
): string | undefined {
  const found = meta[name]
  const text = member === undefined ? found : partOf(found, member)
  return typeof text === "string" && text !== "" ? text : undefined
}

function partOf(value: unknown, member: string): unknown {
  if (typeof value !== "object" || value === null) return undefined
  return (value as Readonly<Record<string, unknown>>)[member]
}
