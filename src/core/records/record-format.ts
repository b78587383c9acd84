import { VaultError } from "../words/errors.js"
import { type Lease, leaseFormat } from "./lease.js"

/**
 * How much of the format a reader must know to understand a record: the lowest that has all of its
 * members. So a record that does not use what is new stays as every older reader knows it, and one
 * that does is refused by them, not read without it.
 */
export type Format = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10
/** The highest that this program knows of most kinds of records, and of the others. */
const KNOWN_FORMAT: Format = 4
const KNOWN_OF: ReadonlyMap<unknown, Format> = new Map([
  ["vault", 5],
  ["policy", 5],
  ["secret", 9],
  ["agent", 10],
])
/** The members that came after format 1, and the format that brought each; a lease's kind says its own. */
const BROUGHT_BY: ReadonlyMap<string, Format> = new Map([
  ["use", 2],
  ["rotation", 3],
  ["sealedToOwners", 4],
  ["revokedOwners", 4],
  ["exposedToOwners", 4],
  ["policy", 5],
  ["source", 6],
  ["tags", 7],
  ["removedOwners", 10],
])

/** The format of what is to be signed. There is one for each: no two encodings say the same. */
export function formatOf(body: object): Format {
  const { lease } = body as { readonly lease?: Lease | undefined }
  let format: Format = lease === undefined ? 1 : leaseFormat(lease)
  for (const [member, value] of Object.entries(body)) {
    const needed = value === undefined ? 1 : (BROUGHT_BY.get(member) ?? 1)
    if (needed > format) format = needed
  }
  return format
}

/** Whether a record, not checked yet, is of a format that this program does not know. */
export function isOfNewerFormat(record: unknown): boolean {
  const { format, kind } = (record ?? {}) as { readonly format?: unknown; readonly kind?: unknown }
  return Number.isSafeInteger(format) && (format as number) > knownOf(kind)
}

/** What is wrong with a record, whose members, but for its format, a schema checks. */
export function recordProblem(
  record: unknown,
  schemaProblem: (record: unknown) => string | undefined,
): string | undefined {
  if (isOfNewerFormat(record)) return baseProblem(record)
  const problem = schemaProblem(record)
  if (problem !== undefined) return problem
  const format = formatOf(record as object)
  return (record as { readonly format: number }).format === format
    ? undefined
    : `/format must be ${format}`
}

/**
 * What is wrong with the members that the records of every format have, whatever else is in them:
 * so an owner's signature tells what is newer from what somebody made up.
 */
function baseProblem(record: unknown): string | undefined {
  const { kind, path, vault, signature } = record as Readonly<Record<string, unknown>>
  const { signer, ed25519 } = (signature ?? {}) as Readonly<Record<string, unknown>>
  const texts = { kind, path, vault, signer, ed25519 }
  const missing = Object.entries(texts).find(([, text]) => typeof text !== "string")
  return missing === undefined ? undefined : `it has no ${missing[0]}`
}

function knownOf(kind: unknown): Format {
  return KNOWN_OF.get(kind) ?? KNOWN_FORMAT
}

/** The refusal of such a record. */
export function newer(path: string, format: number, kind: string): VaultError {
  return new VaultError(
    "FORMAT_NEWER",
    `${path} was made by a newer agent-vault: it has format ${format}, and this one knows ${knownOf(kind)}`,
    { hint: "update agent-vault" },
  )
}
