import type { Environment } from "../disk/homes.js"
import { VaultError } from "../words/errors.js"
import type { OnNote } from "../words/note.js"
import { overwrite } from "../words/overwrite.js"
import { utc } from "../words/time.js"
import { type IssuerTerms, askIssuer, whereAsked } from "./ask-issuer.js"
import type { LeaseFacts, TakenLease } from "./lease-book.js"
import { type IssuedValue, IssuerFailure, type IssuerRequest } from "./lease-issuer.js"

/** How long an issuer may take to end a lease, in ms: whoever waits is done, and wants to go. */
const PATIENCE_MS = 10_000

/** Ends leases, all at once. Never rejects. */
export async function endEach(
  leases: readonly TakenLease[],
  env: Environment,
  onNote: OnNote,
): Promise<void> {
  await Promise.all(leases.map((lease) => endOne(lease, env, onNote)))
}

async function endOne(lease: TakenLease, env: Environment, onNote: OnNote): Promise<void> {
  const issued = await lease.issued.catch(() => undefined)
  if (issued !== undefined) overwrite([issued])
  // None was given, or it is over, or lives until then.
  if (issued?.end === undefined || issued.until.getTime() <= Date.now()) return
  const { why, unnoted } = await ended(issued.end, lease, { env, patience: PATIENCE_MS })
  if (why !== undefined) {
    onNote(
      `the lease of ${lease.secret.name} could not be ended (${why}): it lives until ${utc(issued.until)}`,
    )
  }
  if (unnoted !== undefined) onNote(unnoted)
}

/** What went wrong with the end of a lease: why it lives on, and why the audit has no line of it. */
interface EndFaults {
  readonly why?: string
  readonly unnoted?: string
}

/** Ends what an issuer gave, with a line in the audit. Never rejects. */
export async function ended(
  end: NonNullable<IssuedValue["end"]>,
  { where, note }: Pick<TakenLease, "where" | "note">,
  terms: IssuerTerms,
): Promise<EndFaults> {
  let facts: LeaseFacts = { event: "lease-end", ...where, decision: "allowed" }
  const ask = (request: IssuerRequest) => {
    // An end may be asked for elsewhere.
    facts = { ...facts, ...whereAsked(request.endpoint) }
    return askIssuer(request, terms)
  }
  const faults: { why?: string; unnoted?: string } = {}
  try {
    await end({ ask })
  } catch (error) {
    faults.why = error instanceof IssuerFailure ? error.message : "it could not be asked"
    facts = { ...facts, decision: "refused", reason: "LEASE_FAILED" }
  }
  // What was done is done.
  await note(facts).catch((error: unknown) => {
    faults.unnoted = VaultError.is(error)
      ? error.message
      : "the audit did not take the end of a lease"
  })
  return faults
}
