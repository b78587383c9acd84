import type { LeaseEdit } from "../change/change-lease.js"
import type { Outcome } from "../change/change.js"
import { type WrittenLease, leaseOf } from "../records/lease-words.js"

/** What a change did: its own result, the files of the vault that it wrote, and its commit. */
export type Changed<T> = T & Omit<Outcome<T>, "result" | "hasRemote">

/** How a change is made. */
export interface ChangeOptions {
  /** Computes everything, and changes nothing. */
  readonly dryRun?: boolean
}

/** The outcome of a change, as the package tells it. */
export function changed<T>({ result, hasRemote: _hasRemote, ...rest }: Outcome<T>): Changed<T> {
  return { ...result, ...rest }
}

/** Options of what can say how a value is leased. */
export interface LeaseOptions extends ChangeOptions {
  /** `"none"`: readers get what is sealed, as it is. Absent: as it was. */
  readonly lease?: WrittenLease | "none"
}

/** What such options say of leases. Throws `USAGE`. */
export function leaseIn({ lease }: LeaseOptions): LeaseEdit | undefined {
  return lease === undefined || lease === "none" ? lease : leaseOf(lease)
}
