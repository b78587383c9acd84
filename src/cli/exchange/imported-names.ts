import { VaultError, parseSecretName, variableName } from "../../core/index.js"
import type { NestedValue } from "../../core/owner.js"

/** A value of a file, and the secret that it becomes. */
export interface ImportedSecret {
  /** `GROUP/NAME` */
  readonly name: string
  readonly value: Uint8Array
  /** The variable that it was, where its name does not say that. */
  readonly env: string | undefined
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
    const env = isVariable && variableName({ name: full }) !== only ? only : undefined
    return { name: full, value: Buffer.from(text, "utf8"), env }
  })
  refuseSame(secrets)
  return secrets
}

const VARIABLE = /^[A-Z_][A-Z0-9_]*$/

/** Case and underscores are a variable's; in the name of a secret they only make it hard to type. */
function segmentOf(key: string): string {
  if (!VARIABLE.test(key)) return key
  const words = key.toLowerCase().replace(/^_+|_+$/g, "")
  return words.replaceAll(/_+/g, "-")
}

function refuseSame(secrets: readonly ImportedSecret[]): void {
  const seen = new Set<string>()
  for (const { name } of secrets) {
    const folded = name.toLowerCase()
    if (seen.has(folded)) {
      throw new VaultError("USAGE", `two values of the file would both be ${name}`, {
        hint: "give one of them another name in the file, or import them one after the other with --prefix",
      })
    }
    seen.add(folded)
  }
}
