import { VaultError } from "../words/errors.js"

/**
 * How much of the format a reader must know to understand a record: the lowest that has all of its
 * members. So a record that does not use what is new stays as every older reader knows it, and one
 * that does is refused by them, not read without it.
 */
export type Format = 1 | 2
/** The highest that this program knows. */
const KNOWN_FORMAT: Format = 2
/** The members that came with format 2. */
const IN_FORMAT_2: ReadonlySet<string> = new Set(["use"])

/** The format of what is to be signed. There is one for each: no two encodings say the same. */
export function formatOf(body: object): Format {
  return Object.entries(body).some(isOfFormat2) ? 2 : 1
}

function isOfFormat2([member, value]: [string, unknown]): boolean {
  return value !== undefined && IN_FORMAT_2.has(member)
}

/** Whether a record, not checked yet, is of a format that this program does not know. */
export function isOfNewerFormat(record: unknown): boolean {
  const { format } = (record ?? {}) as { readonly format?: unknown }
  return Number.isSafeInteger(format) && (format as number) > KNOWN_FORMAT
}

/**
 * What is wrong with the members that the records of every format have, whatever else is in them:
 * so an owner's signature tells what is newer from what somebody made up.
 */
export function baseProblem(record: unknown): string | undefined {
  const { kind, path, vault, signature } = record as Readonly<Record<string, unknown>>
  const { signer, ed25519 } = (signature ?? {}) as Readonly<Record<string, unknown>>
  const texts = { kind, path, vault, signer, ed25519 }
  const missing = Object.entries(texts).find(([, text]) => typeof text !== "string")
  return missing === undefined ? undefined : `it has no ${missing[0]}`
}

/** The refusal of such a record. */
export function newer(path: string, format: number): VaultError {
  return new VaultError(
    "FORMAT_NEWER",
    `${path} was made by a newer agent-vault: it has format ${format}, and this one knows ${KNOWN_FORMAT}`,
    { hint: "update agent-vault" },
  )
}
