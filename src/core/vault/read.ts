import { type Unlock, unlocker } from "../age/age.js"
import { VaultError } from "../words/errors.js"
import { inFile, openGroupKey, readSigned } from "./group-key.js"
import type { Key } from "../keys/key-files.js"
import { SEALED_LIMIT, secretPath } from "../words/layout.js"
import type { SecretName } from "../words/names.js"
import { type GroupRecord, type SecretRecord, digestOf } from "../records/record.js"
import { utc } from "../words/time.js"
import { type Vault, getGroup, getSecret, remember } from "./vault.js"

/** Through which surface a value was read. */
export type Door = "cli" | "sdk" | "run" | "mcp" | "bridge" | "guard"

/** Who acts: told from the key, by what the owners signed. */
export interface Actor {
  readonly role: "agent" | "owner"
  readonly name: string
}

/** One read of one value: what an audit wants to know of it, and never the value. */
export interface ReadEvent extends ReadTarget {
  /** UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly at: string
  readonly actor: Actor
  readonly door: Door
}

interface ReadTarget {
  readonly vault: string
  readonly secret: string
  readonly version: number
}

/** A value that was read, and the signed records that let it be. */
export interface SecretRead {
  readonly name: SecretName
  readonly value: Uint8Array
  readonly record: SecretRecord
  readonly group: GroupRecord
}

/** What opens the groups that were opened already, by the digest and recipient signed for them. */
export type GroupKeys = Map<string, Promise<Unlock>>

export interface ReadOptions {
  readonly door: Door
  readonly now: Date
  /** Opens a group once for many reads. */
  readonly groupKeys?: GroupKeys | undefined
  /** Told of every read before the value is handed out; if it throws, the value is not. */
  readonly onRead?: ((event: ReadEvent) => void) | undefined
}

/**
 * The one read: owners were verified when `vault` was opened; here the group's and the secret's
 * records are, then access, freshness, fingerprint and digest, and only then is anything
 * decrypted, in memory. Throws the codes of exit 3, 4 and 5, and `SEALED_TO_OLD_KEY`.
 */
export async function readSecret(
  vault: Vault,
  key: Key,
  name: SecretName,
  options: ReadOptions,
): Promise<SecretRead> {
  const secret = getSecret(vault, name)
  const group = getGroup(vault, name.group)
  // Also what refuses this reader was seen: it must not be set back to what let them in.
  remember(vault, group)
  remember(vault, secret)
  const actor = admit(vault, name.group, group, key, options.now)
  refuseOldKey(name, secret, group)
  const sealed = readSigned(vault, secretPath(name), SEALED_LIMIT, secret.digest)
  const unlock = await openGroupOnce(vault, name.group, group, key, options.groupKeys)
  const value = await inFile(secretPath(name), unlock(sealed))
  tell(vault, actor, secret, name, options)
  return { name, value, record: secret, group }
}

/**
 * Lets a reader in or refuses as {@link readSecret} does, and reads no value: for whoever asks a
 * person first. Throws `SECRET_NOT_FOUND`, `NOT_GRANTED`, `GRANT_ENDED`, and the codes of exit 5.
 */
export function admitReader(vault: Vault, key: Key, name: SecretName, now: Date): void {
  getSecret(vault, name)
  const group = getGroup(vault, name.group)
  remember(vault, group)
  admit(vault, name.group, group, key, now)
}

/**
 * Hands out a value that was read before from files that are the same still: the grant is compared
 * with the clock again, and the read is told of. Throws `GRANT_ENDED`.
 */
export function readAgain(
  vault: Vault,
  key: Key,
  { name, record, group }: SecretRead,
  options: ReadOptions,
): void {
  tell(vault, admit(vault, name.group, group, key, options.now), record, name, options)
}

function tell(
  vault: Vault,
  actor: Actor,
  { version }: SecretRecord,
  { full }: SecretName,
  { door, now, onRead }: ReadOptions,
): void {
  onRead?.({ at: utc(now), actor, door, vault: vault.id, secret: full, version })
}

function openGroupOnce(
  vault: Vault,
  name: string,
  group: GroupRecord,
  key: Key,
  opened: GroupKeys | undefined,
): Promise<Unlock> {
  const id = `${group.digest} ${group.recipient}`
  const before = opened?.get(id)
  if (before !== undefined) return before
  const unlock = openGroupKey(vault, name, group, [key.identity]).then((identity) =>
    unlocker([identity]),
  )
  opened?.set(id, unlock)
  unlock.catch(() => opened?.delete(id))
  return unlock
}

/** Whether a key may open a group now, by the group's signed record. */
export function mayOpen(vault: Vault, group: GroupRecord, recipient: string, now: Date): boolean {
  const actor = actorOf(vault, group, recipient)
  return actor !== undefined && (actor.role === "owner" || !hasEnded(group, recipient, now))
}

function hasEnded(group: GroupRecord, recipient: string, now: Date): boolean {
  const until = group.members.find((member) => member.recipient === recipient)?.until
  return until !== undefined && until <= utc(now)
}

/** Who a key is in this vault; undefined for a stranger. Members are looked up in one group. */
export function actorOf(vault: Vault, group: GroupRecord, recipient: string): Actor | undefined {
  const owner = vault.owners.find((entry) => entry.recipient === recipient)
  if (owner !== undefined) return { role: "owner", name: owner.name }
  const member = group.members.find((entry) => entry.recipient === recipient)
  return member === undefined ? undefined : { role: "agent", name: member.agent }
}

/** Who reads, if the signed record of the group lets them now. Throws `NOT_GRANTED`, `GRANT_ENDED`. */
function admit(vault: Vault, name: string, group: GroupRecord, key: Key, now: Date): Actor {
  const actor = actorOf(vault, group, key.recipient)
  const who = actor?.name ?? key.agent
  const ask = `ask an owner: agent-vault grant ${who ?? "AGENT"} ${name}`
  if (actor === undefined && group.members.some(({ agent }) => agent === key.agent)) {
    throw new VaultError("NOT_GRANTED", `this key of ${key.agent ?? ""} is not its present one`, {
      hint: `${key.agent ?? "the agent"} was given a new key since: use that; an owner has it in escrow`,
    })
  }
  if (actor === undefined) {
    const stranger = key.owner === undefined ? (who ?? "this key") : `${key.owner} (no owner here)`
    const before = group.revoked.find(({ agent }) => agent === who)
    const revoked = before === undefined ? "" : ` (revoked on ${before.at})`
    throw new VaultError("NOT_GRANTED", `${stranger} may not open ${name}${revoked}`, { hint: ask })
  }
  if (actor.role === "owner" || !hasEnded(group, key.recipient, now)) return actor
  const until = group.members.find(({ recipient }) => recipient === key.recipient)?.until
  throw new VaultError("GRANT_ENDED", `the grant of ${name} to ${actor.name} ended at ${until}`, {
    hint: ask,
  })
}

function refuseOldKey(name: SecretName, secret: SecretRecord, group: GroupRecord): void {
  if (secret.sealedTo === digestOf(group.recipient)) return
  throw new VaultError(
    "SEALED_TO_OLD_KEY",
    `${name.full} is sealed to an earlier key of ${name.group}`,
    {
      hint: "it was set while the group was rekeyed elsewhere; an owner mends it: agent-vault apply",
    },
  )
}
