import { seal, unseal } from "../age/age.js"
import { VaultError } from "../words/errors.js"
import { secretPath, secretRecordPath } from "../words/layout.js"
import { type SecretName, parseSecretName } from "../words/names.js"
import { isNote } from "../records/canary.js"
import { utc } from "../words/time.js"
import { pathsOf } from "../words/unit.js"
import { type Exposure, type GroupRecord, type SecretRecord, digestOf } from "../records/record.js"
import { type Exposures, exposures } from "../records/exposures.js"
import { exposedTo } from "../vault/exposed.js"
import { inFile, readSigned } from "../vault/group-key.js"
import { findSecret, getGroup, getSecret } from "../vault/vault.js"
import { type ChangeRequest, type Outcome, change } from "./change.js"
import { refuseCollisions } from "./free-name.js"
import { precedentsOf } from "./precedent.js"
import { type GroupReader, readersOfGroup } from "../vault/group-readers.js"
import { type ReadyGroup, readyGroup } from "./ready-group.js"
import { type ExposedSecret, exposedSecret, keyOfSecret } from "./rekey.js"
import { type Session, following, putRecord } from "./session.js"

interface MoveRequest extends ChangeRequest {
  /** `GROUP/NAME` */
  readonly from: string
  readonly to: string
}

/** What became of a secret that was moved. */
export interface MovedSecret {
  readonly from: string
  readonly to: string
  readonly version: number
  /** The group was made for it. */
  readonly newGroup: boolean
  /** A group of almost the same name, when a new one was made. */
  readonly similarGroup?: string
  /** The agents that may read it now, and might not before. */
  readonly gains: readonly GroupReader[]
  /** The agents that may read it no longer; in Git's history they still can. */
  readonly losses: readonly GroupReader[]
  /** Who can read it now, besides the owners. */
  readonly readers: readonly GroupReader[]
  /** What is to be rotated: the value itself, if anybody lost it, and what grants that ran out exposed. */
  readonly exposed: readonly ExposedSecret[]
}

/** A secret on its way from one name to another. */
interface Way {
  readonly from: SecretName
  readonly to: SecretName
  readonly before: SecretRecord
}

/**
 * Gives a secret another name. In another group it is sealed to that group's key, and exposed to the
 * agents that could read it and may not any more. Throws `SECRET_NOT_FOUND`, `EXISTS`,
 * `USAGE`, `NAME_INVALID`, `PENDING`, and `UNCONFIRMED` where agents would gain it.
 */
export function moveSecret(request: MoveRequest): Promise<Outcome<MovedSecret>> {
  const [from, to] = [parseSecretName(request.from), parseSecretName(request.to)]
  if (from.full === to.full) {
    throw new VaultError("USAGE", `${from.full} has that name already`, {
      hint: "give it another one: agent-vault mv GROUP/NAME GROUP/NAME",
    })
  }
  return change(request, async (session) => {
    const before = getSecret(session.vault, from)
    refuseTaken(session, to)
    const way = { from, to, before }
    const result =
      from.group === to.group ? await rename(session, way) : await moveAcross(session, way)
    for (const path of pathsOf(secretRecordPath(from))) session.draft.remove(path)
    return { result, message: `mv ${from.full} -> ${to.full}` }
  })
}

function refuseTaken(session: Session, name: SecretName): void {
  if (findSecret(session.vault, name) !== undefined) {
    throw new VaultError("EXISTS", `there is a secret ${name.full} already`, {
      hint: `choose another name; or remove that one first: agent-vault rm ${name.full}`,
    })
  }
  refuseCollisions(session, [name])
}

/** The group stays, and so does the ciphertext. */
async function rename(session: Session, way: Way): Promise<MovedSecret> {
  const sealed = readSigned(session.vault, secretPath(way.from), way.before.digest)
  session.draft.write(secretPath(way.to), sealed)
  await putMoved(session, way, {})
  const readers = readersOfGroup(getGroup(session.vault, way.to.group))
  return { ...named(way), newGroup: false, gains: [], losses: [], readers, exposed: [] }
}

async function moveAcross(session: Session, way: Way): Promise<MovedSecret> {
  const { vault, draft } = session
  const { from, to, before } = way
  refuseNote(from)
  const source = getGroup(vault, from.group)
  const target = await readyGroup(session, to.group)
  const gains = apart(target.record, source)
  for (const { agent } of gains) session.requirePerson(`let ${agent} open ${from.full}`)
  const key = await keyOfSecret(session, from, source)
  const sealed = readSigned(vault, secretPath(from), before.digest)
  const value = await inFile(secretPath(from), unseal(sealed, [key.identity]))
  const ciphertext = await seal(value, [target.record.recipient])
  value.fill(0)
  draft.write(secretPath(to), ciphertext)
  const losses = apart(source, target.record)
  const stays = new Set(target.record.members.map(({ agent }) => agent))
  const lostBefore = key.lostSince.filter(({ agent }) => !stays.has(agent))
  const { exposed = [], exposedToOwners = [] } = before
  const said = exposures(
    [...exposed, ...exposuresOf(session, losses), ...lostBefore],
    [...exposedToOwners, ...key.ownersLostSince],
  )
  await putMoved(session, way, {
    sealedTo: digestOf(target.record.recipient),
    digest: digestOf(ciphertext),
    ...said,
  })
  return {
    ...named(way),
    ...across(target, { own: exposedSecret(to, before, exposedTo(vault, said)), losses, gains }),
  }
}

/** In another group, whoever opens that would know the canary. */
function refuseNote(name: SecretName): void {
  if (!isNote(name)) return
  throw new VaultError("USAGE", `${name.full} tells of a canary, and stays in its group`, {
    hint: "see whose it is: agent-vault canary list; to end the canary: agent-vault canary remove GROUP/NAME",
  })
}

/** Further than whatever had either name, so that no clone takes it for a set-back. */
async function putMoved(
  session: Session,
  { to, before }: Way,
  sealed: Partial<Pick<SecretRecord, "sealedTo" | "digest"> & Exposures>,
): Promise<void> {
  const path = secretRecordPath(to)
  const precedent = (await precedentsOf(session, [path])).get(path)?.serial ?? 0
  putRecord<SecretRecord>(session, {
    ...following(before),
    ...sealed,
    path,
    serial: Math.max(before.serial, precedent) + 1,
  })
}

function named({ from, to, before }: Way): Pick<MovedSecret, "from" | "to" | "version"> {
  return { from: from.full, to: to.full, version: before.version }
}

function across(
  target: ReadyGroup,
  { own, losses, gains }: Pick<MovedSecret, "losses" | "gains"> & { readonly own: ExposedSecret },
): Omit<MovedSecret, "from" | "to" | "version"> {
  return {
    newGroup: target.isNew,
    ...(target.similar === undefined ? {} : { similarGroup: target.similar }),
    gains,
    losses,
    readers: readersOfGroup(target.record),
    exposed: [...target.exposed, ...(losses.length === 0 ? [] : [own])],
  }
}

/** The agents that open one group and not the other. */
function apart(one: GroupRecord, other: GroupRecord): GroupReader[] {
  const known = new Set(other.members.map(({ agent }) => agent))
  return readersOfGroup(one).filter(({ agent }) => !known.has(agent))
}

function exposuresOf(session: Session, losses: readonly GroupReader[]): Exposure[] {
  const at = utc(session.now)
  return losses.map(({ agent }) => ({ agent, at, why: "revoked" }))
}
