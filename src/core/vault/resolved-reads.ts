import type { SourcePlace } from "../sources/fetch-value.js"
import type { SecretRead } from "./read.js"

/**
 * The reads with the values that the references among them name; undefined where there is none, and so
 * nothing to wait for. The stores' own code is loaded for the first reference. Rejects with
 * `SOURCE_UNAGREED`, `SOURCE_FAILED`.
 */
export function withResolved(
  sealed: readonly SecretRead[],
  { sources }: { readonly sources?: SourcePlace | undefined },
  now: Date,
): Promise<SecretRead[]> | undefined {
  return sealed.some(({ record }) => record.source !== undefined)
    ? resolveEach(sealed, sources, now)
    : undefined
}

async function resolveEach(
  sealed: readonly SecretRead[],
  sources: SourcePlace | undefined,
  now: Date,
): Promise<SecretRead[]> {
  const { elsewhere, resolveReference } = await import("../sources/fetch-value.js")
  const reads = sealed.map(async ({ name, record, value }) => {
    const { source, vault } = record
    if (source === undefined) return { name, record, value }
    if (sources === undefined) throw elsewhere(name, source)
    const reference = Buffer.from(value).toString("utf8")
    const asked = { vault, name, source, reference }
    return { name, record, value: await resolveReference(asked, sources, now) }
  })
  try {
    return await Promise.all(reads)
  } catch (error) {
    // What others bring later, nobody gets.
    for (const read of reads) read.then(({ value }) => value.fill(0)).catch(() => {})
    throw error
  }
}
