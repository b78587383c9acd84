import { later, laterOf, utc } from "../words/time.js"
import { generateIdentity, recipientOf } from "../age/age.js"
import { VaultError } from "../words/errors.js"
import {
  openGroupKey,
  openPastKeys,
  readSigned,
  sealGroupKey,
  sealPastKeys,
} from "../vault/group-key.js"
import { groupKeyPath, groupPastPath, secretPath } from "../words/layout.js"
import { type SecretName, parseSecretName } from "../words/names.js"
import {
  type Exposure,
  type GroupRecord,
  type Member,
  type OwnerExposure,
  type SecretRecord,
  digestOf,
  unsigned,
} from "../records/record.js"
import { exposures } from "../records/exposures.js"
import { sealedToOwners } from "../records/owners.js"
import type { StoreScheme } from "../records/source.js"
import { type Exposed, exposedTo } from "../vault/exposed.js"
import type { FormerOwner } from "../vault/plan.js"
import { type Resealing, resealAll } from "./reseal.js"
import { type Session, following, putRecord } from "./session.js"
import { getSecret } from "../vault/vault.js"

/** A secret whose present value somebody could read who may not read it now. Rotation ends this. */
export interface ExposedSecret {
  readonly secret: string
  readonly to: readonly Exposed[]
  /** The store that its value lies in, where it is to be changed. */
  readonly store?: StoreScheme
  /** Its record names a program that gives it a new value. */
  readonly hasProgram?: true
}

/** A secret that is exposed, as its record says where its value lies. */
export function exposedSecret(
  { full }: SecretName,
  { source, rotation }: Pick<SecretRecord, "source" | "rotation">,
  to: readonly Exposed[],
): ExposedSecret {
  return {
    secret: full,
    to,
    ...(source && { store: source.store }),
    ...(rotation && { hasProgram: true }),
  }
}

/** A group's keys, each by the fingerprint of its recipient; see {@link groupKeys}. */
type KeysByFingerprint = ReadonlyMap<string, { readonly epoch: number; readonly identity: string }>

/** Who opens a group from now on, and who does not any more. */
interface NewMembers {
  readonly members: readonly Member[]
  readonly losses: readonly Exposure[]
  /** Who could read the values with the old key, and should not have; without it, `losses`. */
  readonly exposures?: readonly Exposure[]
  /** Owners who were removed, and can open the present key. */
  readonly formerOwners?: readonly FormerOwner[] | undefined
}

/**
 * Gives a group a new key pair, which only `members` and the owners open. Re-encrypts `secrets`, all
 * that the group has, to it, and marks each as exposed. The owners keep the old key.
 */
export async function rekeyGroup(
  session: Session,
  group: string,
  record: GroupRecord,
  secrets: readonly SecretName[],
  { members, losses, exposures: could = losses, formerOwners = [] }: NewMembers,
): Promise<readonly ExposedSecret[]> {
  const { vault, draft } = session
  const current = await openGroupKey(vault, group, record, [session.identity])
  const past = await openPastKeys(vault, group, record, [session.identity])
  const identity = await generateIdentity(vault.record.keys)
  const recipient = await recipientOf(identity)

  const key = await sealGroupKey(identity, members, vault.owners)
  const pastKeys = await sealPastKeys([current, ...past], vault.owners)
  const keys = await groupKeys([current, ...past], record.epoch)
  const next = {
    ...unsigned(record),
    serial: record.serial + 1,
    epoch: record.epoch + 1,
    recipient,
    members,
    revoked: revokedNow(record, members, losses),
    digest: digestOf(key),
    past: digestOf(pastKeys),
    ...sealedToOwners(vault.record.owners),
    ...revokedOwners(record, formerOwners, utc(session.now)),
  }
  const exposed = await resealSecrets(session, secrets, next, keys, could)
  draft.write(groupKeyPath(group), key)
  draft.write(groupPastPath(group), pastKeys)
  putRecord<GroupRecord>(session, next)
  return exposed
}

/**
 * Re-encrypts secrets that one branch set while another rekeyed the group. They are sealed to an
 * earlier key, so every agent that lost access since then can open them.
 */
export async function resealStale(
  session: Session,
  group: string,
  record: GroupRecord,
  stale: readonly string[],
): Promise<readonly ExposedSecret[]> {
  const past = await openPastKeys(session.vault, group, record, [session.identity])
  const keys = await groupKeys(past, record.epoch - 1)
  return resealSecrets(session, stale.map(parseSecretName), record, keys, [])
}

/** The key that opens a secret, and who lost its group since that key was replaced. */
interface OpeningKey {
  readonly identity: string
  readonly lostSince: readonly Exposure[]
  readonly ownersLostSince: readonly OwnerExposure[]
}

/** The key that opens a secret, of all that its group had. Throws `SEALED_TO_OLD_KEY`. */
export async function keyOfSecret(
  session: Session,
  name: SecretName,
  group: GroupRecord,
): Promise<OpeningKey> {
  const { vault, identity } = session
  const current = await openGroupKey(vault, name.group, group, [identity])
  const past = await openPastKeys(vault, name.group, group, [identity])
  const keys = await groupKeys([current, ...past], group.epoch)
  const { epoch, identity: opening } = openingKey(name, getSecret(vault, name), keys)
  return {
    identity: opening,
    lostSince: lostSince(group, epoch, []),
    ownersLostSince: ownersLostSince(group, epoch),
  }
}

async function resealSecrets(
  session: Session,
  names: readonly SecretName[],
  group: Pick<GroupRecord, "recipient" | "revoked" | "revokedOwners">,
  keys: KeysByFingerprint,
  losses: readonly Exposure[],
): Promise<readonly ExposedSecret[]> {
  const sealedTo = digestOf(group.recipient)
  const exposed: (ExposedSecret | undefined)[] = []
  let done = 0
  const onResealed = ({ index, name, record, epoch }: Openable, ciphertext: Uint8Array): void => {
    session.draft.write(secretPath(name), ciphertext)
    const newly = [...losses, ...lostSince(group, epoch, losses)]
    const lostOwners = ownersLostSince(group, epoch)
    const { exposed: before = [], exposedToOwners = [] } = record
    const said = exposures([...before, ...newly], [...exposedToOwners, ...lostOwners])
    putRecord<SecretRecord>(session, {
      ...following(record),
      sealedTo,
      digest: digestOf(ciphertext),
      ...said,
    })
    if (newly.length + lostOwners.length > 0) {
      exposed[index] = exposedSecret(name, record, exposedTo(session.vault, said))
    }
    session.onProgress(++done, names.length, "re-encrypting secrets")
  }
  await resealAll(openables(session, names, keys), names.length, group.recipient, onResealed)
  return exposed.filter((secret) => secret !== undefined)
}

/** A secret to re-encrypt, with the key of its group that opens it: the present or an earlier one. */
interface Openable extends Resealing {
  readonly name: SecretName
  readonly record: SecretRecord
  /** Of the key. */
  readonly epoch: number
  /** Where it stands among the secrets. */
  readonly index: number
}

/** One after the other, so that thousands are not held at once. Throws `SEALED_TO_OLD_KEY`. */
function* openables(
  session: Session,
  names: readonly SecretName[],
  keys: KeysByFingerprint,
): Generator<Openable> {
  for (const [index, name] of names.entries()) {
    const record = getSecret(session.vault, name)
    const { epoch, identity } = openingKey(name, record, keys)
    const path = secretPath(name)
    const ciphertext = readSigned(session.vault, path, record.digest)
    yield { index, name, record, epoch, identity, path, ciphertext }
  }
}

function openingKey(
  name: SecretName,
  { sealedTo }: SecretRecord,
  keys: KeysByFingerprint,
): { readonly epoch: number; readonly identity: string } {
  const key = keys.get(sealedTo)
  if (key === undefined) throw noKey(name)
  return key
}

/** The agents that lost access in `epoch` or later, besides those in `losses`. */
function lostSince(
  group: Pick<GroupRecord, "revoked">,
  epoch: number,
  losses: readonly Exposure[],
): Exposure[] {
  const now = new Set(losses.map(({ agent }) => agent))
  return group.revoked
    .filter((entry) => entry.epoch >= epoch && !now.has(entry.agent))
    .map(({ agent, at }) => ({ agent, at, why: "revoked" as const }))
}

/** The owners who were removed in `epoch` or later. */
function ownersLostSince(
  { revokedOwners: lost = [] }: Pick<GroupRecord, "revokedOwners">,
  epoch: number,
): OwnerExposure[] {
  return lost.filter((entry) => entry.epoch >= epoch).map(({ owner, at }) => ({ owner, at }))
}

function revokedNow(
  record: GroupRecord,
  members: readonly Member[],
  losses: readonly Exposure[],
): GroupRecord["revoked"] {
  const entries = new Map(record.revoked.map((entry) => [entry.agent, entry]))
  const begun = new Map(record.members.map((member) => [member.agent, member.since]))
  for (const { agent, at: now } of losses) {
    const before = laterOf(now, entries.get(agent)?.at)
    const since = begun.get(agent)
    // Whoever brings back the grant that ends here is told by its time, whatever two clocks say.
    const at = since === undefined ? before : laterOf(before, later(new Date(since), 1))
    entries.set(agent, { agent, at, epoch: record.epoch })
  }
  const stays = new Set(members.map(({ agent }) => agent))
  const rekeyed = new Set(losses.map(({ agent }) => agent))
  return [...entries.values()]
    .filter(({ agent }) => !stays.has(agent) || rekeyed.has(agent))
    .sort((a, b) => (a.agent < b.agent ? -1 : 1))
}

function revokedOwners(
  { epoch, revokedOwners: before = [] }: GroupRecord,
  formerOwners: readonly FormerOwner[],
  at: string,
): Pick<GroupRecord, "revokedOwners"> {
  if (formerOwners.length === 0) return {}
  const now = formerOwners.map(({ signer: owner }) => ({ owner, at, epoch }))
  const owners = new Set(now.map(({ owner }) => owner))
  const others = before.filter(({ owner }) => !owners.has(owner))
  return { revokedOwners: [...others, ...now].sort(byOwner) }
}

function byOwner(one: OwnerExposure, other: OwnerExposure): number {
  return one.owner < other.owner ? -1 : 1
}

/** Maps fingerprints to keys. The first identity has `epoch`, each further one an epoch less. */
async function groupKeys(identities: readonly string[], epoch: number): Promise<KeysByFingerprint> {
  const keys = identities.map(async (identity, index) => {
    const fingerprint = digestOf(await recipientOf(identity))
    return [fingerprint, { epoch: epoch - index, identity }] as const
  })
  return new Map(await Promise.all(keys))
}

function noKey(name: SecretName): VaultError {
  return new VaultError(
    "SEALED_TO_OLD_KEY",
    `${name.full} is sealed to a key that its group never had here`,
    {
      hint: `set it anew, or remove it: agent-vault rm ${name.full}`,
    },
  )
}
