import type { Sending } from "./sending.js"
import { canonicalPath } from "./sending.js"
import { VaultError } from "../words/errors.js"
import { NO_REQUEST, type PolicyQuestion, type PolicyVerdict } from "./policy-question.js"

/**
 * Refuses what the policy denies, and what waits for a person's word that is not there; without a
 * verdict there is no policy. Throws `POLICY_REFUSED`, `UNCONFIRMED`.
 */
export function requireVerdict(
  verdict: PolicyVerdict | undefined,
  question: PolicyQuestion,
  isConfirmed: boolean,
): void {
  if (verdict === undefined || verdict.effect === "allow") return
  if (verdict.effect === "deny") throw denied(verdict, question)
  if (isConfirmed) return
  throw new VaultError(
    "UNCONFIRMED",
    `${what(question)} waits for a person's word: ${whichDecided(verdict)}`,
    { hint: "a person does it at a terminal, or says yes where the broker or the client asks" },
  )
}

/** The refusal of what a policy denies. */
export function denied(verdict: PolicyVerdict, question: PolicyQuestion): VaultError {
  const { agent, secret, request } = question
  const asked =
    request === NO_REQUEST
      ? `policy explain ${secret.name}`
      : `explain ${request.method} https://${request.host}${request.path}`
  return new VaultError(
    "POLICY_REFUSED",
    `the policy denies ${what(question)}: ${whichDecided(verdict)}`,
    {
      hint: `see what it says: agent-vault ${asked} --agent ${agent}`,
    },
  )
}

/** Which rule decided, in words. */
export function whichDecided({ rule, error }: PolicyVerdict): string {
  if (rule === undefined) return "none of its rules holds"
  return error === undefined
    ? `its rule "${rule}"`
    : `its rule "${rule}" cannot be decided: ${error}`
}

/** What a request is to a policy. Throws `USE_REFUSED` for a path that could mean two things. */
export function requestOf({
  host,
  method,
  path,
}: Pick<Sending, "host" | "method" | "path">): PolicyQuestion["request"] {
  return { host, method, path: canonicalPath(path) }
}

function what({ agent, door, secret, request }: PolicyQuestion): string {
  if (request === NO_REQUEST) return `${secret.name} to ${agent} by the door ${door}`
  return `${secret.name} to ${agent} in ${request.method} ${request.host}${request.path}`
}
