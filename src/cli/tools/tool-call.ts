import type { Attribution, Environment } from "../../core/index.js"
import type { CallMade } from "../../serving/serving.js"

/** Characters of the client's name that the audit notes. */
const CLIENT_NAME = 100

/**
 * What the audit notes of a call. A session that neither the call nor our environment names is that of
 * the client that started us, if it is one that says so, else that of this process.
 */
export function attributed(
  { program, session, turn, call }: Partial<CallMade>,
  env: Environment,
): Partial<Attribution> {
  const named = session ?? (env["AGENT_VAULT_SESSION"] ? undefined : sessionOf(program, env))
  const known = named === undefined ? {} : { session: named }
  return { ...known, turn, call, program: program?.slice(0, CLIENT_NAME) }
}

/** Of Claude Code, which starts its servers with it; in another client it is inherited from around. */
function sessionOf(program: string | undefined, env: Environment): string | undefined {
  return program === "claude-code" ? env["CLAUDE_CODE_SESSION_ID"] : undefined
}
