import {
  type Place,
  type SecretName,
  VaultError,
  namesIn,
  parseSecretName,
} from "../../core/index.js"

const SHOWN = 10

/** The name of a secret; for that of a group, the error says which secrets it has. */
export function meantSecret(place: Place, word: string): SecretName {
  try {
    return parseSecretName(word)
  } catch (error) {
    const { secrets } = namesIn(place)
    const own = secrets.filter((name) => name.startsWith(`${word}/`))
    if (own.length === 0) throw error
    const more = own.length > SHOWN ? ` and ${own.length - SHOWN} more` : ""
    throw new VaultError("NAME_INVALID", `${word} is a group, not a secret`, {
      hint: `its secrets: ${own.slice(0, SHOWN).join(", ")}${more}`,
    })
  }
}
