import type { Enrolled } from "../change/agents.js"
import { type Key, formatKeyFile } from "../keys/key-files.js"
import { SecretValue } from "../words/secret-value.js"
import { utc } from "../words/time.js"

/** An agent with the key that it was given. */
export interface NewAgent extends Omit<Enrolled, "identity"> {
  /** The text of its key file; absent when the key was made elsewhere. */
  readonly key?: SecretValue
}

/** The text of an agent's key file, which does not show itself. */
export function keyFileOf(agent: string, key: Key): SecretValue {
  const text = formatKeyFile(key, utc(new Date()))
  return new SecretValue(`agents/${agent}.key`, 1, Buffer.from(text))
}
