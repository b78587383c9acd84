import { keeperOf } from "../leases/keepers.js"
import { type Lease, isSameLease } from "../records/lease.js"
import type { SecretRecord } from "../records/record.js"
import { getAgent } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import type { SecretName } from "../words/names.js"
import type { Session } from "./session.js"

/** How a value is to be leased; `none`: what is sealed leaves as it is. Absent: as it was. */
export type LeaseEdit = Lease | "none"

/**
 * What a record says of leases after an edit. Another lease asks others with what is sealed, and none
 * hands it out: so a person stands behind the change of a secret that is there. Throws `UNCONFIRMED`,
 * `USAGE` for a value that lies in another store, and `AGENT_NOT_FOUND` for a keeper that there is not.
 */
export function leaseAfter(
  session: Session,
  name: SecretName,
  before: SecretRecord | undefined,
  edit: LeaseEdit | undefined,
  source: SecretRecord["source"],
): Lease | undefined {
  const lease = edit === undefined ? before?.lease : edit === "none" ? undefined : edit
  if (lease !== undefined && source !== undefined) {
    throw new VaultError("USAGE", `${name.full} cannot be leased and lie in another store`, {
      hint: `seal what leases are taken with: agent-vault set ${name.full}; or take the lease away: --lease none`,
    })
  }
  const keeper = typeof edit === "object" ? keeperOf(edit) : undefined
  if (keeper !== undefined) getAgent(session.vault, keeper)
  if (before !== undefined && !isSameLease(before.lease, lease)) {
    session.requirePerson(`change what ${name.full} is exchanged for`)
  }
  return lease
}
