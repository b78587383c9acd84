import type { Environment } from "../disk/homes.js"
import type { Lease } from "../records/lease.js"
import { type SecretRecord, digestOf } from "../records/record.js"
import { VaultError } from "../words/errors.js"
import type { SecretName } from "../words/names.js"
import { overwrite } from "../words/overwrite.js"
import { askIssuer, whereAsked } from "./ask-issuer.js"
import type { LeaseBook, NoteLease, TakenLease } from "./lease-book.js"
import { LAST_MS, type OurEnd, beforeOurEnd } from "./before-our-end.js"
import { ended } from "./end-leases.js"
import { issuerOf } from "./issuers.js"
import {
  type IssuedValue,
  IssuerFailure,
  type IssuerRequest,
  type LeaseReader,
  type SessionKeys,
} from "./lease-issuer.js"
import { Succession } from "./succession.js"

/** A lease is replaced when a quarter of its time is left, and five minutes at most, in ms. */
const LONGEST_REST = 300_000

/** What is exchanged, and by which signed record. */
interface LeasedSecret {
  readonly name: SecretName
  readonly record: SecretRecord
  readonly lease: Lease
  readonly sealed: Uint8Array
  readonly reader: LeaseReader
  /** Whether it signs: nobody else gets the keys by themselves. */
  readonly signs: boolean
}

/** Where leases are taken, and which there are. */
interface LeasePlace {
  readonly env: Environment
  readonly leases: LeaseBook
  /** When nobody waits for values any more. */
  readonly ending?: Pick<AbortController, "signal"> | undefined
}

/** A short-lived value, the caller's own copy, when it ends, and whether it was waited for. */
interface LeasedValue {
  readonly value: Uint8Array
  /** What signs, the caller's own copy too. */
  readonly keys?: SessionKeys
  readonly until: Date
  readonly isAwaited: boolean
}

/**
 * A short-lived value for the sealed one: from memory while it has time left, else from its issuer,
 * once the audit has the line. Rejects with `LEASE_FAILED`, `AUDIT_UNWRITABLE`.
 */
export async function takeLease(
  secret: LeasedSecret,
  at: LeasePlace,
  note: NoteLease,
  now: Date,
): Promise<LeasedValue> {
  const { leases } = at
  const { full } = secret.name
  const key = digestOf(`${full}\n${secret.record.digest}\n${JSON.stringify(secret.lease)}`)
  const known = leases.present.get(key)
  if (known !== undefined && hasTime(known, now)) {
    return handed(known, secret, known.dates === undefined)
  }
  forgetOver(leases, now)
  for (const [other, lease] of leases.present) {
    // Also one that was taken with what was sealed before.
    if (lease.secret.name !== full) continue
    leases.present.delete(other)
    leases.earlier.add(lease)
  }
  const taken = begun(secret, at, note, now)
  leases.present.set(key, taken)
  try {
    return await handed(taken, secret, true)
  } catch (error) {
    if (leases.present.get(key) === taken) leases.present.delete(key)
    leases.earlier.delete(taken)
    throw error
  }
}

/** Once the clock was set back by what a lease has left at least, nobody can tell whether it is over. */
function hasTime({ dates }: TakenLease, now: Date): boolean {
  if (dates === undefined) return true
  const { from, stale, over } = dates
  const rest = over - stale
  return now.getTime() > from - rest && now.getTime() < stale
}

async function handed(
  taken: TakenLease,
  { signs }: LeasedSecret,
  isAwaited: boolean,
): Promise<LeasedValue> {
  const { value, keys, until } = await taken.issued
  const leased = { value: Uint8Array.from(value), until, isAwaited }
  if (keys === undefined || !signs) return leased
  const [secret, token] = [Uint8Array.from(keys.secret), Uint8Array.from(keys.token)]
  return { ...leased, keys: { id: keys.id, secret, token } }
}

function begun(secret: LeasedSecret, at: LeasePlace, note: NoteLease, now: Date): TakenLease {
  const { name, record } = secret
  const noted = { where: whereAsked(secret.lease.endpoint), note }
  const taken: TakenLease = {
    secret: { name: name.full, version: record.version },
    ...noted,
    issued: beforeOurEnd((end) => notedBoth(noted, () => issuedFor(secret, at, noted, now, end))),
  }
  void dated(taken, now)
  return taken
}

/** Where the issuer is, and who notes what becomes of the lease. */
type NotedLease = Pick<TakenLease, "where" | "note">

/** Nothing is asked for before the audit has the line; that there was nothing is another. */
async function notedBoth(
  { note, where }: NotedLease,
  issue: () => Promise<IssuedValue>,
): Promise<IssuedValue> {
  await note({ event: "lease", ...where, decision: "allowed" })
  try {
    return await issue()
  } catch (error) {
    const reason = VaultError.is(error) ? error.code : "BUG"
    const refused = { event: "lease", ...where, decision: "refused", reason } as const
    // What cannot be noted stays a refusal.
    await note(refused).catch(() => undefined)
    throw error
  }
}

/** Says when a lease is to be replaced, and when it is over, once it is here. */
async function dated(taken: TakenLease, now: Date): Promise<void> {
  const issued = await taken.issued.catch(() => undefined)
  if (issued === undefined) return
  const [from, over] = [now.getTime(), issued.until.getTime()]
  taken.dates = { from, stale: over - Math.min(LONGEST_REST, (over - from) / 4), over }
}

/** Of leases that are over nobody has to be told, however long a reader lives. */
function forgetOver({ earlier }: LeaseBook, now: Date): void {
  for (const lease of earlier) {
    if (now.getTime() < (lease.dates?.over ?? Infinity)) continue
    earlier.delete(lease)
    void lease.issued.then((issued) => overwrite([issued]))
  }
}

async function issuedFor(
  { name, record, lease, sealed, reader }: LeasedSecret,
  { env, ending }: LeasePlace,
  noted: NotedLease,
  now: Date,
  { late, isNear }: OurEnd,
): Promise<IssuedValue> {
  const issuer = issuerOf(lease)
  const unwanted = ending === undefined ? late : AbortSignal.any([ending.signal, late])
  const ask = (request: IssuerRequest) => askIssuer(request, { env, ended: unwanted })
  const askThrough = (request: IssuerRequest) => askIssuer(request, { env })
  const discard = async (end: IssuedValue["end"]): Promise<void> => {
    const patience = (await isNear()) ? LAST_MS : undefined
    if (end !== undefined) await ended(end, noted, { env, patience })
  }
  const succession = new Succession({ vault: record.vault, name, sealed, reader }, env)
  const { host } = new URL(lease.endpoint)
  try {
    const access = { ask, askThrough, discard, now, reader, succession }
    const issued = await issuer.issue(lease, sealed, access)
    const isOver = issued.until.getTime() <= Date.now()
    if (!isOver && !(await isNear())) return issued
    await discard(issued.end)
    // Whose clock is wrong, nobody here can tell.
    const why = isOver ? "what it gave is over by this machine's clock" : "nobody waits"
    throw new IssuerFailure(why)
  } catch (error) {
    if (!(error instanceof IssuerFailure)) throw error
    throw new VaultError(
      "LEASE_FAILED",
      `${name.full} has no lease from ${host}: ${error.message}`,
      {
        hint: `${error.mend ?? issuer.mend}; what its record says: agent-vault list ${name.group} --json`,
      },
    )
  }
}

/** The refusal of whoever takes no leases. */
export function notLeased({ full }: SecretName): VaultError {
  return new VaultError("LEASE_FAILED", `${full} leaves as a lease only, and none is taken here`, {
    hint: `see what is sealed, as an owner: agent-vault get ${full} --sealed --owner`,
  })
}
