import type { Key } from "../keys/key-files.js"
import { type Actor, actorOf, admit } from "../policy/access.js"
import type { GroupRecord } from "../records/record.js"
import { type ErrorCode, VaultError } from "../words/errors.js"
import type { SecretName } from "../words/names.js"
import { utc } from "../words/time.js"
import { type Terms, isSearching } from "./terms.js"
import {
  type Vault,
  findAgentRecord,
  findGroup,
  getGroup,
  getSecret,
  listAgents,
  remember,
} from "./vault.js"

/** What is told of a secret that somebody may not have, or not in this way. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  "NOT_GRANTED",
  "GRANT_ENDED",
  "POLICY_REFUSED",
  "REVEAL_REFUSED",
  "UNCONFIRMED",
  "NOT_OWNER",
])

/** By which door it was asked for, and where that is noted. */
type RefusalTerms = Pick<Terms, "outlet" | "audit" | "by">

/** Who asks for which secret, and how, where it is for a read. */
export interface AskedRead {
  readonly key: Key
  readonly name: SecretName
  readonly terms?: RefusalTerms | undefined
  readonly now: Date
}

/** Who reads, if their group lets them; what refuses them is noted. Throws as {@link admit} does. */
export function admitted(vault: Vault, group: GroupRecord, asked: AskedRead): Actor {
  try {
    return admit(vault, asked.name.group, group, asked.key, asked.now)
  } catch (error) {
    noteRefusal(error, vault, asked)
    throw error
  }
}

/**
 * Lets a reader in or refuses as a read does, and opens nothing: for whoever asks a person first.
 * Throws `SECRET_NOT_FOUND`, `NOT_GRANTED`, `GRANT_ENDED`, and the codes of exit 5.
 */
export function admitReader(vault: Vault, asked: AskedRead): void {
  getSecret(vault, asked.name)
  const group = getGroup(vault, asked.name.group)
  remember(vault, group)
  admitted(vault, group, asked)
}

/**
 * Notes that a secret was asked for and refused, in the chain of whoever the key says: the broker notes
 * its own, by request. A key that no record knows has no chain, and damage is not noted as a refusal.
 * Throws nothing: what cannot be noted stays a refusal.
 */
export function noteRefusal(
  error: unknown,
  vault: Vault,
  { key, name, terms, now }: AskedRead,
): void {
  if (terms === undefined || !VaultError.is(error) || !REFUSALS.has(error.code)) return
  const { outlet, audit, by } = terms
  if (isSearching(outlet)) return
  try {
    const actor = whoIs(vault, key, name)
    if (actor === undefined) return
    const facts = { event: "refused", decision: "refused", reason: error.code } as const
    const secrets = [{ name: name.full }]
    const door = outlet.surface
    audit.note([{ at: utc(now), actor, door, vault: vault.id, secrets, ...facts, ...by }])
  } catch (other) {
    if (!VaultError.is(other)) throw other
  }
}

/** The owner or the agent whose key it is by a signed record: that of the group, else their own. */
function whoIs(vault: Vault, { recipient, agent }: Key, { group }: SecretName): Actor | undefined {
  const record = findGroup(vault, group)
  const member = record === undefined ? undefined : actorOf(vault, record, recipient)
  if (member !== undefined) return member
  // A key file says whose it is; a bare key is looked for among all.
  const claimed = agent === undefined ? listAgents(vault) : [agent]
  const name = claimed.find((each) => findAgentRecord(vault, each)?.recipient === recipient)
  return name === undefined ? undefined : { role: "agent", name }
}
