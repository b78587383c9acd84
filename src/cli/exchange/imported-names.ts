import { type SecretMetadata, VaultError, parseSecretName, variableName } from "../../core/index.js"
import type { NestedValue } from "../../core/owner.js"

/** A value from elsewhere, and the secret that it becomes. */
export interface ImportedSecret {
  /** `GROUP/NAME` */
  readonly name: string
  readonly value: Uint8Array
  readonly metadata: SecretMetadata
  /** Who could read it where it comes from, by name. */
  readonly exposedTo?: readonly string[]
}

/**
 * The secrets that values become: `STRIPE_API_KEY` is `GROUP/stripe-api-key`, and stays that variable
 * for `run`; other keys stay as they are, and what is nested has a path. `prefix` stands in front of
 * each name. Throws `NAME_INVALID`, `USAGE` for two of one name.
 */
export function importedSecrets(
  values: readonly NestedValue[],
  group: string,
  prefix: string,
): ImportedSecret[] {
  const secrets = values.map(({ keys, text }) => {
    const name = `${group}/${prefix}${keys.map(segmentOf).join("/")}`
    const { full } = parseSecretName(name)
    const [only = "", ...others] = keys
    const isVariable = others.length === 0 && VARIABLE.test(only)
    const metadata = isVariable && variableName({ name: full }) !== only ? { env: only } : {}
    return { name: full, value: Buffer.from(text, "utf8"), metadata }
  })
  return namedOnce(secrets)
}

const VARIABLE = /^[A-Z_][A-Z0-9_]*$/

/** Case and underscores are a variable's; in the name of a secret they only make it hard to type. */
function segmentOf(key: string): string {
  if (!VARIABLE.test(key)) return key
  const words = key.toLowerCase().replace(/^_+|_+$/g, "")
  return words.replaceAll(/_+/g, "-")
}

/** The same secrets. Throws `USAGE` for two of one name. */
export function namedOnce(secrets: ImportedSecret[]): ImportedSecret[] {
  const seen = new Set<string>()
  for (const { name } of secrets) {
    const folded = name.toLowerCase()
    if (seen.has(folded)) {
      throw new VaultError("USAGE", `two of the values would both be ${name}`, {
        hint: "give one of them another name where they are, or import them one after the other with --prefix",
      })
    }
    seen.add(folded)
  }
  return secrets
}
