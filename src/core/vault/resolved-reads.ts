import type { SourcePlace } from "../sources/fetch-value.js"
import { VaultError } from "../words/errors.js"
import type { SecretRead } from "./read.js"
import type { Vault } from "./vault.js"

/** Where values that lie in another store are fetched. */
export interface Sources extends SourcePlace {
  /** Does work with the vault as it is by then: a store may take a minute. */
  readonly anew: <T>(work: (vault: Vault) => T | Promise<T>) => Promise<T>
}

/** Reads with their values, and the means to ask again if a store was waited for. */
export interface ResolvedReads {
  readonly reads: SecretRead[]
  readonly anew: Sources["anew"] | undefined
}

/**
 * The reads with the values that the references among them name; undefined where there is none, and so
 * nothing to wait for. The stores' own code is loaded for the first reference. Rejects with
 * `SOURCE_UNAGREED`, `SOURCE_FAILED`.
 */
export function withResolved(
  sealed: readonly SecretRead[],
  { sources }: { readonly sources?: Sources | undefined },
  now: Date,
): Promise<ResolvedReads> | undefined {
  return sealed.some(({ record }) => record.source !== undefined)
    ? resolveEach(sealed, sources, now)
    : undefined
}

/** Refuses what was fetched for another value than the secret has now. Throws `BUSY`. */
export function refuseChanged({ name, record, value }: SecretRead, before?: SecretRead): void {
  const isSameStore = record.source?.store === before?.record.source?.store
  if (before && isSameStore && Buffer.compare(value, before.value) === 0) return
  throw new VaultError("BUSY", `${name.full} was changed while a store was asked for values`, {
    hint: `try again: agent-vault get ${name.full}`,
  })
}

async function resolveEach(
  sealed: readonly SecretRead[],
  sources: Sources | undefined,
  now: Date,
): Promise<ResolvedReads> {
  const { elsewhere, resolveReference } = await import("../sources/fetch-value.js")
  let isAwaited = false
  const reads = sealed.map(async ({ name, record, value }) => {
    const { source, vault } = record
    if (source === undefined) return { name, record, value }
    if (sources === undefined) throw elsewhere(name, source)
    const reference = Buffer.from(value).toString("utf8")
    const resolved = await resolveReference({ vault, name, source, reference }, sources, now)
    isAwaited ||= resolved.isAwaited
    return { name, record, value: resolved.value }
  })
  try {
    return { reads: await Promise.all(reads), anew: isAwaited ? sources?.anew : undefined }
  } catch (error) {
    // What others bring later, nobody gets.
    for (const read of reads) read.then(({ value }) => value.fill(0)).catch(() => {})
    throw error
  }
}
