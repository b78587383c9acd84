import { randomBytes } from "node:crypto"
import type { Environment } from "../disk/homes.js"
import type { Attribution } from "./audit-line.js"

/** Of this process, as long as it lives, where nobody named a session. */
const OWN_SESSION = randomBytes(8).toString("hex")

/**
 * Where the work of this process belongs: to the session, turn and call that a hook of the client
 * named in `AGENT_VAULT_SESSION`, `AGENT_VAULT_TURN` and `AGENT_VAULT_CALL`, else to a session of its
 * own. It is what the caller says of itself: a program that lies about it is still its agent. No
 * child inherits it, as none inherits any `AGENT_VAULT_*`.
 */
export function attributionOf(env: Environment, program?: string): Attribution {
  return {
    session: env["AGENT_VAULT_SESSION"] || OWN_SESSION,
    turn: env["AGENT_VAULT_TURN"],
    call: env["AGENT_VAULT_CALL"],
    program,
  }
}

/**
 * The folder that the caller says it works in: `AGENT_VAULT_PROJECT`, which our hooks set, else what
 * Claude Code tells the programs that it starts. A claim, as the rest is.
 */
export function projectOf(env: Environment): string | undefined {
  return env["AGENT_VAULT_PROJECT"] || env["CLAUDE_PROJECT_DIR"] || undefined
}
