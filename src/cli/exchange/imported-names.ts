import { type SecretMetadata, VaultError, parseSecretName, variableName } from "../../core/index.js"
import type { NestedValue } from "../../core/owner.js"
import { whyRefusedToSecret } from "../run/program-environment.js"

/** A value from elsewhere, and the secret that it becomes. */
export interface ImportedSecret {
  /** `GROUP/NAME` */
  readonly name: string
  readonly value: Uint8Array
  readonly metadata: SecretMetadata
  /** Who could read it where it comes from, by name. */
  readonly exposedTo?: readonly string[]
}

/** Values in a file, and whether its names are variables, however they are written. */
export interface ValuesOfFile {
  readonly values: readonly NestedValue[]
  readonly areVariables: boolean
}

/**
 * The secrets that values become: `STRIPE_API_KEY` is `GROUP/stripe-api-key`, and stays that variable
 * for `run`; other keys stay as they are, and what is nested has a path. `prefix` stands in front of
 * each name. Throws `NAME_INVALID`, `USAGE` for two of one name and for what no program is given.
 */
export function importedSecrets(
  { values, areVariables }: ValuesOfFile,
  group: string,
  prefix: string,
): ImportedSecret[] {
  const isVariable = ({ keys: [only = "", ...others] }: NestedValue): boolean =>
    others.length === 0 && (areVariables ? ANY_VARIABLE : VARIABLE).test(only)
  refuseUngiven(values.filter(isVariable))
  const secrets = values.map((each) => {
    const { keys, text } = each
    const name = `${group}/${prefix}${keys.map(segmentOf).join("/")}`
    const { full } = parseSecretName(name)
    const [only = ""] = keys
    const metadata = isVariable(each) && variableName({ name: full }) !== only ? { env: only } : {}
    return { name: full, value: Buffer.from(text, "utf8"), metadata }
  })
  return namedOnce(secrets)
}

/** The record would name a variable that `run` then refuses, whoever wants it. */
function refuseUngiven(variables: readonly NestedValue[]): void {
  const refused = variables.flatMap(({ keys: [variable = ""] }) => {
    const why = whyRefusedToSecret(variable)
    return why === undefined ? [] : [`${variable} (${why})`]
  })
  if (refused.length === 0) return
  const told = refused.join(", ")
  throw new VaultError("USAGE", `no program is given what would be imported: ${told}`, {
    hint: "leave that out of the file; or store it alone: agent-vault set GROUP/NAME",
  })
}

/** In a file of any format, a name that is meant as one. */
const VARIABLE = /^[A-Z_][A-Z0-9_]*$/
const ANY_VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/

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
