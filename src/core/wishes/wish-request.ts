import type { Environment } from "../disk/homes.js"
import type { Place } from "../disk/place.js"
import type { Key } from "../keys/key-files.js"
import { type Vault, findAgent, listAgents } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import type { OnNote } from "../words/note.js"

/** Who wishes for something, and why. */
export interface WishRequest {
  readonly place: Place
  /** The agent's. */
  readonly key: Key
  readonly env: Environment
  readonly now: Date
  /** One line. */
  readonly why: string
  /** The program that asks, in its own words. */
  readonly program?: string | undefined
  /** Whether the branch is pushed, to the remote that the present one follows. */
  readonly push: boolean
  readonly onNote?: OnNote | undefined
}

/** The agent whose key this is. Throws `AGENT_NOT_FOUND`. */
export function agentOf(vault: Vault, key: Key): string {
  const agent = listAgents(vault).find(
    (name) => findAgent(vault, name)?.recipient === key.recipient,
  )
  if (agent !== undefined) return agent
  throw new VaultError("AGENT_NOT_FOUND", "the owners know no agent with this key", {
    hint: "an owner adds an agent: agent-vault agent add NAME",
  })
}
