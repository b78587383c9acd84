import type { SetManyRequest } from "../change/set.js"
import { SECRET_FIELDS, type SecretMetadata, parseMetadata } from "../records/secret-metadata.js"
import { VaultError } from "../words/errors.js"
import { later, parseDuration, parseTime } from "../words/time.js"

/** A value of many, as a program gives it. */
export type GivenSecret = Omit<SetManyRequest["secrets"][number], "value"> & {
  /** Text is stored as UTF-8. */
  readonly value: string | Uint8Array
}

/** What is sealed. No type keeps a program in JavaScript from giving something else: `USAGE`. */
export function bytesGiven(name: string, value: string | Uint8Array): Uint8Array {
  if (typeof value === "string") return Buffer.from(value)
  if (value instanceof Uint8Array) return value
  throw new VaultError("USAGE", `the value for ${name} is neither a text nor bytes`, {
    hint: "give a string or a Uint8Array; of a SecretValue, its bytes()",
  })
}

/** Metadata in the words of the command, as a record holds it. Throws `USAGE` and `NAME_INVALID`. */
export function metadataGiven(metadata: SecretMetadata, now: Date): SecretMetadata {
  const given: Readonly<Record<string, unknown>> = { ...metadata }
  for (const [name, value] of Object.entries(given)) {
    const isField = Object.hasOwn(SECRET_FIELDS, name)
    if (isField && (value === undefined || typeof value === "string")) continue
    const wrong = isField ? `the metadata ${name} is not a text` : `no secret has metadata ${name}`
    throw new VaultError("USAGE", wrong, {
      hint: `give texts, under ${Object.keys(SECRET_FIELDS).join(", ")}`,
    })
  }
  return parseMetadata((name) => metadata[name as keyof SecretMetadata], now)
}

/** When a grant ends, which is said in one of two ways. */
export function endGiven(
  { until, for: span }: { readonly until?: string; readonly for?: string },
  now: Date,
): string | undefined {
  if (span === undefined) return until === undefined ? undefined : parseTime(until)
  if (until === undefined) return later(now, parseDuration(span))
  throw new VaultError("USAGE", "until and for both say when the grant ends", {
    hint: "give one of them",
  })
}
