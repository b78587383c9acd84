import { dirname } from "node:path/posix"
import type { BlobId, Git } from "../git/git.js"
import { commitOf, readBlobs } from "../git/git-objects.js"
import type { Reach } from "../records/reach.js"
import { ownersOf } from "../records/owners.js"
import type { AgentRecord, GroupRecord, OwnerEntry } from "../records/record.js"
import {
  type SignedPastRecord,
  ownersOfPast,
  signedPastRecord,
} from "../records/signed-past-record.js"
import { changesBelow } from "../undone/blobs.js"
import { VaultError } from "../words/errors.js"
import { getAgent } from "../vault/vault.js"
import { agentRecordPath, classify } from "../words/layout.js"
import { later, utc } from "../words/time.js"
import type { Session } from "./session.js"

/** How far the record at a path had come when it was removed. */
export interface Precedent extends Reach {
  /** Of a group: who had lost it, and when. Whom it is granted again begins after that. */
  readonly revoked: GroupRecord["revoked"]
}

/**
 * How far the record at each path had come when it was removed, so that a new one of that name goes
 * on from there and nobody takes it for an old one. A path that never held a record is at 0. What no
 * owner signed counts for nothing: a record could be planted that leaves no number to count on to. One
 * walk through the history and one reading of blobs, however many paths there are.
 */
export async function precedentsOf(
  session: Session,
  paths: readonly string[],
): Promise<ReadonlyMap<string, Precedent>> {
  const { folder } = session
  const { branchMarks, userMarks } = session.vault.memory
  const removed = await removedRecords(session, paths)
  return new Map(
    paths.map((path) => {
      const own = removed.get(`${folder}/${path}`) ?? []
      const marks = [branchMarks.highest(path), userMarks.highest(path)]
      const reach = furthest([...marks, ...own.map((record) => record.reach)])
      return [path, { ...reach, revoked: revokedBefore(own, session.now) }]
    }),
  )
}

/** The highest of each: a mark may say an epoch and no serial. */
function furthest(known: readonly (Reach | undefined)[]): Reach {
  return known.reduce<Reach>(
    (most, reach) => ({
      epoch: Math.max(most.epoch, reach?.epoch ?? 0),
      serial: Math.max(most.serial, reach?.serial ?? 0),
    }),
    { epoch: 0, serial: 0 },
  )
}

/** No clock is that far ahead: a time in a record of a removed owner's that leaves none after it. */
const TOO_LATE_S = 10 * 365 * 86_400

/** By whatever clock: of a member, too, whose grant begins in a time to come after an earlier revoke. */
function revokedBefore(removed: readonly SignedPastRecord[], date: Date): GroupRecord["revoked"] {
  const [now, last] = [utc(date), later(date, TOO_LATE_S)]
  const revoked = new Map<string, GroupRecord["revoked"][number]>()
  for (const { record } of removed) {
    if (record?.kind !== "group") continue
    const { epoch, members, revoked: lost } = record
    const ahead = members.filter(({ since }) => since > now)
    for (const entry of [...lost, ...ahead.map(({ agent, since: at }) => ({ agent, at, epoch }))]) {
      if (entry.at > last) continue
      if (entry.at > (revoked.get(entry.agent)?.at ?? "")) revoked.set(entry.agent, entry)
    }
  }
  return [...revoked.values()].sort((one, other) => (one.agent < other.agent ? -1 : 1))
}

/** The signed records that the branch's history removed, of those at `paths`, by path from the top. */
async function removedRecords(
  { git, folder, vault }: Session,
  paths: readonly string[],
): Promise<ReadonlyMap<string, readonly SignedPastRecord[]>> {
  const { branch } = git.checkout
  if (paths.length === 0 || branch === undefined) return new Map()
  if ((await commitOf(git, branch)) === undefined) return new Map()
  const wanted = new Map(paths.map((path) => [`${folder}/${path}`, path]))
  const removed = (await removals(git, branch, [...wanted.keys()])).filter(({ path }) =>
    wanted.has(path),
  )
  const contents = await readBlobs(
    git,
    removed.map(({ blob }) => blob),
  )
  const owners = ownersOfPast(vault.record)
  const found = new Map<string, SignedPastRecord[]>()
  for (const [index, { path }] of removed.entries()) {
    const record = signedPastRecord(owners, wanted.get(path) ?? "", contents[index])
    if (record !== undefined) found.set(path, [...(found.get(path) ?? []), record])
  }
  return found
}

/**
 * What each path held when a commit removed it, on whatever side of a merge: git leaves out a side
 * that came to nothing, unless it is told not to.
 */
async function removals(
  git: Git,
  branch: string,
  paths: readonly string[],
): Promise<readonly { readonly path: string; readonly blob: BlobId }[]> {
  const log = [
    "-c",
    "log.diffMerges=separate",
    "log",
    "--format=",
    "--raw",
    "--no-abbrev",
    "--no-renames",
    "--diff-filter=D",
    "-z",
  ]
  // Git compares each file with each path that it is given: many paths are asked for by folder.
  const where = paths.length === 1 ? paths : new Set(paths.map(dirname))
  const walk = ["-m", "--full-history", branch, "--", ...where]
  const fields = (await git.run([...log, ...walk])).toString("utf8").split("\0")
  return fields.flatMap((field, at) => {
    // A commit's end is a line end before the first of its files.
    const [, blob] = /^\s*:\d+ \d+ (\w+) \w+ D$/.exec(field) ?? []
    return blob === undefined ? [] : [{ path: fields[at + 1] ?? "", blob }]
  })
}

/**
 * The agent that had this key before it got another one: then it was to open nothing any more. As far
 * as the branch's history goes.
 */
export async function formerHolder(
  session: Session,
  recipient: string,
): Promise<string | undefined> {
  for (const { path, record } of await signedBelow(session, "agents")) {
    const agent = classify(path)
    if (record?.kind !== "agent" || agent.is !== "agent") continue
    if (record.recipient === recipient) return agent.agent
  }
  return undefined
}

/**
 * The agents whose escrow is not to be sealed to every owner, each with the refusal (`PENDING`), since it
 * was once taken from one: who knew its earlier key and not this one, or whom its sealer left out and
 * named a later owner. Whoever can push can bring the agents of a removal without the rest of it. As far
 * as the branch's history goes.
 */
export async function takenEscrows(
  session: Session,
  agents: readonly string[],
): Promise<ReadonlyMap<string, VaultError>> {
  const refusals = new Map<string, VaultError>()
  if (agents.length === 0) return refusals
  const { owners, record: vault } = session.vault
  const past = await signedBelow(session, "agents", new Set(agents.map(agentRecordPath)))
  for (const agent of agents) {
    const record = getAgent(session.vault, agent)
    const named = new Set(ownersOf(record, vault.owners))
    const own = past.flatMap(({ path, record: each }) =>
      path === record.path && each?.kind === "agent" ? [each] : [],
    )
    const knew = new Set(
      keptBefore(record, own, owners).flatMap((earlier) => ownersOf(earlier, vault.owners)),
    )
    const isTaken = ({ signer, since }: OwnerEntry): boolean =>
      knew.has(signer) || owners.some((newer) => named.has(newer.signer) && newer.since > since)
    const taken = owners.find((owner) => !named.has(owner.signer) && isTaken(owner))
    if (taken !== undefined) refusals.set(agent, madeWithout(taken, agent))
  }
  return refusals
}

function madeWithout({ name }: OwnerEntry, agent: string): VaultError {
  return new VaultError("PENDING", `the key of ${agent} was made without the owner ${name}`, {
    hint: `if ${name} was removed, get the later vault.json from whoever did it; if not, give it a new key: agent-vault agent rekey ${agent}`,
  })
}

/**
 * The records with an escrow from before the agent got its key: not those of another branch meanwhile. A
 * removed owner, who still has their key, could sign that it had it from the beginning.
 */
function keptBefore(
  record: AgentRecord,
  past: readonly AgentRecord[],
  owners: readonly OwnerEntry[],
): readonly AgentRecord[] {
  const hasItsKey = ({ recipient }: AgentRecord): boolean => recipient === record.recipient
  const signers = new Set(owners.map(({ signer }) => signer))
  const isProof = ({ signature }: AgentRecord): boolean => signers.has(signature.signer)
  const its = [record, ...past.filter((each) => hasItsKey(each) && isProof(each))]
  return past.filter(
    (each) =>
      !hasItsKey(each) &&
      each.escrow !== undefined &&
      its.every(({ serial }) => each.serial < serial),
  )
}

/** The signed records of a folder of the vault, or of some paths in it, that the branch's history brought. */
export async function signedBelow(
  { git, folder, vault }: Session,
  below: "agents" | "groups",
  paths?: ReadonlySet<string>,
): Promise<readonly (Pick<SignedPastRecord, "record"> & { readonly path: string })[]> {
  const changes = await changesBelow(git, { tips: ["HEAD"] }, `${folder}/${below}`)
  const brought = [...changes].flatMap(([file, own]) => {
    const path = file.slice(folder.length + 1)
    if (paths?.has(path) === false) return []
    return own.flatMap(({ after }) => (after === undefined ? [] : [{ path, blob: after }]))
  })
  const contents = await readBlobs(
    git,
    brought.map(({ blob }) => blob),
  )
  const owners = ownersOfPast(vault.record)
  return brought.map(({ path }, index) => ({
    path,
    ...signedPastRecord(owners, path, contents[index]),
  }))
}
