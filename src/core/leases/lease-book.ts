import type { AuditFacts, AuditedSecret } from "../audit/audit-line.js"
import type { Environment } from "../disk/homes.js"
import type { OnNote } from "../words/note.js"
import type { IssuedValue } from "./lease-issuer.js"

/** What a line of the audit tells of a lease, besides whose it is. */
export type LeaseFacts = Pick<AuditFacts, "event" | "host" | "port" | "decision" | "reason">

/** Writes a line, durably. Rejects with `AUDIT_UNWRITABLE`. */
export type NoteLease = (facts: LeaseFacts) => Promise<void>

/** A lease that was taken, or is being taken. */
export interface TakenLease {
  readonly secret: AuditedSecret
  readonly issued: Promise<IssuedValue>
  /** The issuer's, for the audit. */
  readonly where: Pick<LeaseFacts, "host" | "port">
  readonly note: NoteLease
  /** When it was taken, is to be replaced, and is over by itself, in ms, once it is here. */
  dates?: { readonly from: number; readonly stale: number; readonly over: number }
}

/** The leases of one reader, in memory, until they are ended. */
export interface LeaseBook {
  /** By the secret, and what the lease was taken with. */
  readonly present: Map<string, TakenLease>
  /** Those that others replaced, until they are over; a request may still be under way with one. */
  readonly earlier: Set<TakenLease>
}

/** One without leases. */
export function newLeaseBook(): LeaseBook {
  return { present: new Map(), earlier: new Set() }
}

/**
 * Ends all leases of a book, each with a line in the audit, and overwrites their values. `onNote`
 * hears of each that its issuer did not end, and of what the audit did not take. Never rejects.
 */
export async function endLeases(book: LeaseBook, env: Environment, onNote: OnNote): Promise<void> {
  const all = [...book.present.values(), ...book.earlier]
  book.present.clear()
  book.earlier.clear()
  if (all.length === 0) return
  // Who takes no lease loads nothing of it.
  const { endEach } = await import("./end-leases.js")
  await endEach(all, env, onNote)
}
