import type { OwnerEntry, VaultRecord } from "../records/record.js"
import { unsigned } from "../records/record.js"
import { type Session, putRecord } from "../change/session.js"

/**
 * The session, from where vault.json lists other owners: what it seals from now on is for those of them
 * who have not ended. `change` gets the serial of the vault.json that says so.
 */
export function withOwners(
  session: Session,
  change: (serial: number) => readonly OwnerEntry[],
): Session {
  const { record } = session.vault
  const serial = record.serial + 1
  const owners = change(serial)
  const next = putRecord<VaultRecord>(session, { ...unsigned(record), serial, owners })
  const active = owners.filter(({ ended }) => ended === undefined)
  return { ...session, vault: { ...session.vault, record: next, owners: active } }
}
