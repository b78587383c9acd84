import type { Environment } from "../disk/homes.js"
import { VaultError } from "../words/errors.js"
import type { OnNote } from "../words/note.js"
import { utc } from "../words/time.js"
import { askIssuer, whereAsked } from "./ask-issuer.js"
import type { LeaseFacts, TakenLease } from "./lease-book.js"
import { IssuerFailure, type IssuerRequest } from "./lease-issuer.js"

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
  issued?.value.fill(0)
  // None was given, or it is over, or lives until then.
  if (issued?.end === undefined || issued.until.getTime() <= Date.now()) return
  let facts: LeaseFacts = { event: "lease-end", ...lease.where, decision: "allowed" }
  const ask = (request: IssuerRequest) => {
    // An end may be asked for elsewhere.
    facts = { ...facts, ...whereAsked(request.endpoint) }
    return askIssuer(request, { env, patience: PATIENCE_MS })
  }
  try {
    await issued.end({ ask })
  } catch (error) {
    const why = error instanceof IssuerFailure ? error.message : "it could not be asked"
    facts = { ...facts, decision: "refused", reason: "LEASE_FAILED" }
    onNote(
      `the lease of ${lease.secret.name} could not be ended (${why}): it lives until ${utc(issued.until)}`,
    )
  }
  // What was done is done.
  await lease.note(facts).catch((error: unknown) => {
    onNote(VaultError.is(error) ? error.message : "the audit did not take the end of a lease")
  })
}
