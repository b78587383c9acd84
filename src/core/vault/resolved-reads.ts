import type { Audit, AuditEvent } from "../audit/audit.js"
import { SEARCHING, type Surface } from "../audit/read-event.js"
import type { LeaseBook, LeaseFacts, NoteLease } from "../leases/lease-book.js"
import type { Key } from "../keys/key-files.js"
import type { Governed } from "../policy/access.js"
import { isSameLease } from "../records/lease.js"
import type { SecretRecord } from "../records/record.js"
import type { SourcePlace } from "../sources/fetch-value.js"
import { VaultError } from "../words/errors.js"
import { overwrite } from "../words/overwrite.js"
import { utc } from "../words/time.js"
import type { SecretRead } from "./read.js"
import type { ReadFor } from "./terms.js"
import type { Vault } from "./vault.js"

/** Where values that lie in another store are fetched, and leases are taken. */
export interface Sources extends SourcePlace {
  /** Does work with the vault as it is by then: a store may take a minute. */
  readonly anew: <T>(work: (vault: Vault) => T | Promise<T>) => Promise<T>
  readonly leases: LeaseBook
}

/** Reads with their values, and the means to ask again if somebody was waited for. */
export interface ResolvedReads {
  readonly reads: SecretRead[]
  readonly anew: Sources["anew"] | undefined
}

/** Where the value of a secret comes from, if what is sealed is not what leaves. */
interface Resolving {
  readonly sources?: Sources | undefined
  readonly audit: Audit
  readonly by?: ReadFor | undefined
  readonly outlet?: { readonly surface: Surface }
  readonly asSealed?: boolean | undefined
}

/** Who asks for a value, and by which door: what a line of the audit begins with. */
type AskedBy = Pick<AuditEvent, "actor" | "door" | "vault">

/** Whose key opened a secret, in a vault of which owners. */
type OpenedBy = Governed & { readonly key: Key }

/**
 * The reads with the values that stores and issuers give for what is sealed in some of them; undefined
 * where there are none of these, and so nothing to wait for. Their own code is loaded for the first.
 * `asked` has who asks for each, `readers` by which key. Rejects with `SOURCE_UNAGREED`, `SOURCE_FAILED`, `LEASE_FAILED`,
 * `AUDIT_UNWRITABLE`.
 */
export function withResolved(
  sealed: readonly SecretRead[],
  resolving: Resolving,
  asked: readonly AskedBy[],
  readers: readonly OpenedBy[],
  now: Date,
): Promise<ResolvedReads> | undefined {
  if (resolving.asSealed === true) return undefined
  return sealed.some(({ record }) => record.source !== undefined || isLeased(record, resolving))
    ? resolveEach(sealed, resolving, asked, readers, now)
    : undefined
}

/** What is sealed is only looked for where nobody gets it: no lease is taken for that. */
function isLeased({ lease }: SecretRecord, { outlet }: Resolving): boolean {
  return lease !== undefined && !(outlet !== undefined && SEARCHING.has(outlet.surface))
}

/** Refuses what was fetched for another value than the secret has now. Throws `BUSY`. */
export function refuseChanged({ name, record, value }: SecretRead, before?: SecretRead): void {
  const isSame =
    record.version === before?.record.version &&
    record.changed === before.record.changed &&
    record.source?.store === before?.record.source?.store &&
    isSameLease(record.lease, before?.record.lease)
  if (before && isSame && Buffer.compare(value, before.value) === 0) return
  throw new VaultError("BUSY", `${name.full} was changed while a store was asked for values`, {
    hint: `try again: agent-vault get ${name.full}`,
  })
}

async function resolveEach(
  sealed: readonly SecretRead[],
  resolving: Resolving,
  asked: readonly AskedBy[],
  readers: readonly OpenedBy[],
  now: Date,
): Promise<ResolvedReads> {
  let isAwaited = false
  const reads = sealed.map(async (read, which) => {
    const by = { asked: asked[which], reader: readers[which] }
    const { isAwaited: wasAwaited, ...resolved } = await resolve(read, resolving, by, now)
    isAwaited ||= wasAwaited
    return resolved
  })
  try {
    return {
      reads: await Promise.all(reads),
      anew: isAwaited ? resolving.sources?.anew : undefined,
    }
  } catch (error) {
    // What others bring later, nobody gets.
    for (const read of reads) read.then((late) => overwrite([late])).catch(() => {})
    throw error
  }
}

async function resolve(
  read: SecretRead,
  resolving: Resolving,
  { asked, reader }: { asked: AskedBy | undefined; reader: OpenedBy | undefined },
  now: Date,
): Promise<SecretRead & { readonly isAwaited: boolean }> {
  const { name, record, value } = read
  const { sources } = resolving
  const { source, lease, vault, version, changed } = record
  if (source !== undefined) {
    const { elsewhere, resolveReference } = await import("../sources/fetch-value.js")
    if (sources === undefined) throw elsewhere(name, source)
    const reference = Buffer.from(value).toString("utf8")
    const resolved = await resolveReference(
      { vault, name, version, changed, source, reference },
      sources,
      now,
    )
    return { name, record, ...resolved }
  }
  if (lease === undefined || !isLeased(record, resolving)) return { ...read, isAwaited: false }
  // A copy of its own: the reader wipes theirs once another value fails, and others wait for this lease.
  const sealed = Uint8Array.from(value)
  try {
    const { notLeased, takeLease } = await import("../leases/take-lease.js")
    if (sources === undefined || !asked || !reader) throw notLeased(name)
    const note = noting(resolving, asked, read)
    const { identity, recipient } = reader.key
    const owners = reader.owners.map((owner) => owner.recipient)
    const by = { ...asked.actor, identity, recipient, owners }
    // What hands values out says through which surface; what signs has none.
    const signs = resolving.outlet === undefined
    const secret = { name, record, lease, sealed, reader: by, signs }
    const leased = await takeLease(secret, sources, note, now)
    return { name, record, ...leased }
  } finally {
    sealed.fill(0)
  }
}

/** Writes what becomes of a lease into the audit of whoever reads, and what for. */
function noting(
  { audit, by }: Resolving,
  { actor, door, vault }: AskedBy,
  { name, record }: SecretRead,
): NoteLease {
  const secrets = [{ name: name.full, version: record.version }]
  return (facts: LeaseFacts) =>
    audit.noteDurably([{ at: utc(new Date()), actor, door, vault, secrets, ...facts, ...by }])
}
