import type { Audit } from "../audit/audit.js"
import type { Attribution } from "../audit/audit-line.js"
import { type ReadEvent, SEARCHING, type Surface } from "../audit/read-event.js"
import type { Key } from "../keys/key-files.js"
import type { Actor } from "../policy/access.js"
import { type Confirmed, requirePerson, requirePersonToShow } from "../policy/person.js"
import type { PolicyJudge } from "../policy/policy-question.js"
import { requireVerdict } from "../policy/require-policy.js"
import { type RevealTerms, mayShow } from "../policy/reveal.js"
import type { SecretRecord } from "../records/record.js"
import { VaultError } from "../words/errors.js"
import type { SecretName } from "../words/names.js"
import type { Sources } from "./resolved-reads.js"
import { questionOf } from "./policy-of.js"

/**
 * Through which surface values leave. One that shows them to a model has to say on which terms, so
 * that no such surface can forget the reveal policy.
 */
export type Outlet =
  | {
      readonly surface: Exclude<Surface, "mcp">
      /** Values are shown as they are to whoever runs this program: a model, under a harness. */
      readonly isShown?: boolean
    }
  | { readonly surface: "mcp"; readonly reveal: RevealTerms }

/** What a value is read for, where one process reads for many: the conversation, turn and call. */
export type ReadFor = {
  readonly [name in "session" | "turn" | "call"]?: Attribution[name] | undefined
}

/** The conditions for handing out values. */
export interface Terms {
  readonly outlet: Outlet
  readonly audit: Audit
  /** What the audit notes of this read in particular. */
  readonly by?: ReadFor | undefined
  /** That a person confirmed what waits for their word: under an agent's harness, or by the policy. */
  readonly person?: Confirmed | undefined
  /** Called at every read, before the value is handed out. If it throws, the value stays inside. */
  readonly onRead?: ((event: ReadEvent) => void) | undefined
  /** Where values that lie in another store are fetched, and leases taken; absent: they do not leave. */
  readonly sources?: Sources | undefined
  /** Hands out what is sealed as it is: a reference, or, to an owner, what leases are taken with. */
  readonly asSealed?: boolean | undefined
}

/** What is to be handed out, by which key, and the policy that is asked. */
export interface LeavingSecret {
  readonly name: SecretName
  readonly record: SecretRecord
  readonly key: Key
  readonly judge: PolicyJudge | undefined
}

/** Whether values that leave here are looked for, and handed to nobody. */
export function isSearching({ surface }: Outlet): boolean {
  return SEARCHING.has(surface)
}

/**
 * Refuses what the policy denies to an agent, what waits for a person, what a model may not see, and
 * what only owners do. Owners sign the policy, and are not asked about. Throws `POLICY_REFUSED`,
 * `UNCONFIRMED`, `REVEAL_REFUSED`, `NOT_OWNER`.
 */
export function requireTerms(leaving: LeavingSecret, terms: Terms, actor: Actor, now: Date): void {
  requirePolicy(leaving, terms, actor, now)
  const { name, record, key } = leaving
  const { outlet, person } = terms
  const isLongLived = record.lease !== undefined && terms.asSealed === true
  if (isLongLived && actor.role !== "owner" && !isSearching(outlet)) {
    throw new VaultError("NOT_OWNER", `what leases of ${name.full} are taken with is for owners`, {
      hint: `take a lease: agent-vault get ${name.full}`,
    })
  }
  const attendance = { under: key.under, person }
  if (outlet.surface !== "mcp") {
    if (outlet.isShown === true) {
      requirePersonToShow(name.full, record, actor, attendance)
    } else if (outlet.surface === "sdk" && actor.role === "owner") {
      requirePerson(`hand out ${name.full} by the owner's key`, attendance)
    }
    return
  }
  if (mayShow(name.full, record, outlet.reveal)) return
  throw new VaultError("REVEAL_REFUSED", `${name.full} may not be shown to a model`, {
    hint: "use it without seeing it: agent-vault run",
  })
}

function requirePolicy(
  { name, record, judge }: LeavingSecret,
  { outlet, audit, person }: Terms,
  actor: Actor,
  now: Date,
): void {
  if (judge === undefined || actor.role === "owner" || isSearching(outlet)) return
  const door = outlet.surface
  const question = questionOf({ agent: actor.name, door, name, record, session: audit, now })
  const isConfirmed = (): boolean =>
    outlet.surface === "mcp" ? outlet.reveal.isAgreed(name.full, record) : person === "confirmed"
  const verdict = judge.decide(question)
  requireVerdict(verdict, question, verdict.effect === "confirm" && isConfirmed())
}
