import type { Audit } from "../audit/audit.js"
import type { PolicyQuestion, PolicyVerdict } from "../policy/policy-question.js"
import { denied } from "../policy/require-policy.js"
import { type Sending, ruleFor, whyNoRule } from "../policy/sending.js"
import type { SecretRecord } from "../records/record.js"
import type { Use } from "../records/use.js"
import { VaultError } from "../words/errors.js"
import type { SecretName } from "../words/names.js"
import type { Sources } from "./resolved-reads.js"

/** The conditions for putting values into a request, which nobody here sees. */
export interface SendTerms {
  readonly audit: Audit
  /** Whether a person agreed to this sending, where they are to be asked so often. */
  readonly isAgreed: (secret: string, ask: Use["ask"]) => boolean
  /** Counts the requests of a run, so that the audit can tell what came of this one. */
  readonly request: number
  /** Where values that lie in another store are fetched, and leases taken; absent: they do not leave. */
  readonly sources?: Sources | undefined
}

/** Whether a rule is for a value that is written like this one: by its scheme, and its user. */
export type Suits = (rule: Use) => boolean

/**
 * The rule in a signed record that lets its secret be sent there, among those that suit. Throws
 * `USE_REFUSED`, with the command that would mend it.
 */
export function requireRule(
  name: string,
  use: readonly Use[],
  sending: Sending,
  suits: Suits = () => true,
): Use {
  const rule = ruleFor(use.filter(suits), sending)
  if (rule === undefined) throw whyNoRule(name, use, sending)
  return rule
}

/**
 * How often a person is asked about a sending: as its rule says, or until they say yes for the session
 * where the rule asks nobody and the policy wants a person's word. Throws `POLICY_REFUSED`.
 */
export function requireAsk(
  { ask }: Pick<Use, "ask">,
  verdict: PolicyVerdict | undefined,
  question: PolicyQuestion,
): Use["ask"] {
  if (verdict?.effect === "deny") throw denied(verdict, question)
  return ask === "never" && verdict?.effect === "confirm" ? "session" : ask
}

/**
 * Refuses to put a variable of this machine's environment into a request: a program that runs blind
 * has that environment. Throws `USE_REFUSED`.
 */
export function refuseVariable({ full }: SecretName, { source }: SecretRecord): void {
  if (source?.store !== "env") return
  throw new VaultError(
    "USE_REFUSED",
    `${full} is a variable of this machine, which no broker sends`,
    {
      hint: `an owner seals the value itself: agent-vault set ${full}; or run it without --blind`,
    },
  )
}

/** A request that a program makes by itself is no request of the owner's. */
export function neverByOwner(owner: string): VaultError {
  return new VaultError(
    "OWNER_KEY_UNASKED",
    `the broker never uses the key of the owner ${owner}`,
    {
      hint: "run it as an agent: --agent NAME",
    },
  )
}
