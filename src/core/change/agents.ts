import { generateIdentity, kindOfRecipient, recipientOf } from "../age/age.js"
import { type ChangeRequest, type Outcome, change } from "./change.js"
import { planEdit } from "./draft-plan.js"
import { executePlan } from "./execute-plan.js"
import { formerHolder, precedentsOf } from "./precedent.js"
import { resealKept } from "../leases/reseal-kept.js"
import { VaultError } from "../words/errors.js"
import { withUnfinished } from "../words/unfinished.js"
import { sealEscrow } from "../vault/escrow.js"
import { agentRecordPath, escrowPath } from "../words/layout.js"
import { foldedCollision, parseAgentName } from "../words/names.js"
import type { Plan } from "../vault/plan.js"
import { readSealedState, refuseFormerOwners } from "../vault/sealed-state.js"
import { escrowOwners } from "../records/owners.js"
import { type AgentRecord, digestOf, unsigned } from "../records/record.js"
import type { ExposedSecret } from "./rekey.js"
import { type Session, dropGrants, putRecord } from "./session.js"
import { utc } from "../words/time.js"
import { commonAnchor } from "../memory/trust.js"
import {
  agentWithKey,
  findAgent,
  findAgentRecord,
  findGroup,
  getAgent,
  listAgents,
  listGroups,
} from "../vault/vault.js"

export interface AgentRequest extends ChangeRequest {
  readonly agent: string
  /** Enrols, or changes to, a key that was made elsewhere: there will be no escrow. */
  readonly recipient?: string | undefined
}

/** An agent with the key that it was given. */
export interface Enrolled {
  readonly agent: string
  readonly recipient: string
  /** The new identity; absent when the key was made elsewhere. */
  readonly identity?: string
  /** The owner whom the agent is to trust. */
  readonly signer: string
  readonly vault: string
}

/** What the loss of a key, or of an agent, did to the groups. */
export interface Rekeyed {
  readonly plan: Plan
  readonly exposed: readonly ExposedSecret[]
}

/** Gives a new agent an identity, with a copy in escrow. Throws `EXISTS`, `RECIPIENT_INVALID`, `ROLLED_BACK`. */
export function addAgent(request: AgentRequest): Promise<Outcome<Enrolled>> {
  const agent = parseAgentName(request.agent)
  return change(request, async (session) => {
    refuseTaken(session, agent)
    session.requirePerson(`make ${agent} an agent, with a key of its own`)
    // Its escrow is sealed to all whom vault.json lists.
    refuseFormerOwners(session.vault, readSealedState(session.vault, "counted"))
    const key = await makeKey(session, request.recipient)
    // Whoever can push can delete the record, and bring it back as the later one.
    const path = agentRecordPath(agent)
    const precedent = (await precedentsOf(session, [path])).get(path)
    putAgent(session, agent, key, precedent?.serial)
    return { result: enrolled(session, agent, key), message: `agent add ${agent}` }
  })
}

/** Takes every group from an agent and ends its record. */
export function removeAgent(
  request: ChangeRequest & { readonly agent: string },
): Promise<Outcome<Rekeyed>> {
  const agent = parseAgentName(request.agent)
  return change(request, async (session) => {
    const record = getAgent(session.vault, agent)
    const plan = planEdit(session, () => {
      dropGrants(session, (grant) => grant.agent === agent)
      endAgent(session, agent, record)
    })
    const rekeyed = await rekeyGroupsOf(session, agent, plan)
    return { result: rekeyed, message: `agent remove ${agent}` }
  })
}

/** What a new key of an agent brought, and the recipient of the one that it replaced. */
type NewKey = Enrolled & Rekeyed & { readonly replaced: string }

/** Gives an agent a new key pair; the old one counts as revoked. Throws `RECIPIENT_INVALID`. */
export async function rekeyAgent(request: AgentRequest): Promise<Outcome<NewKey>> {
  const agent = parseAgentName(request.agent)
  let owners: readonly string[] = []
  const outcome = await change(request, async (session) => {
    const { recipient: replaced } = getAgent(session.vault, agent)
    owners = session.vault.owners.map((owner) => owner.recipient)
    session.requirePerson(`give ${agent} a new key`)
    const key = await makeKey(session, request.recipient)
    // What the manifest asks of other groups waits: maybe for this very key.
    const opened = listGroups(session.vault).filter((group) =>
      findGroup(session.vault, group)?.members.some((member) => member.agent === agent),
    )
    const edit = (): void => putAgent(session, agent, key)
    const plan = planEdit(session, edit, opened, agent)
    const rekeyed = await rekeyGroupsOf(session, agent, plan)
    return {
      result: { ...enrolled(session, agent, key), ...rekeyed, replaced },
      message: `agent rekey ${agent}`,
    }
  })
  if (outcome.commit === undefined) return outcome
  const { vault, recipient } = outcome.result
  const renewed = { name: agent, recipient, owners }
  const { identity, env } = request
  return withUnfinished(outcome, ...(await resealKept(vault, renewed, identity.identity, env)))
}

/** Gives an agent a new key pair, with its escrow, and leaves its groups as they are. */
export async function renewAgentKey(session: Session, agent: string): Promise<void> {
  putAgent(session, agent, await makeKey(session, undefined))
}

/** A key pair for an agent: made here, with its escrow, or only a recipient. */
interface AgentKey {
  readonly recipient: string
  readonly made?: { readonly identity: string; readonly escrow: Uint8Array }
}

async function makeKey(session: Session, recipient: string | undefined): Promise<AgentKey> {
  const { keys } = session.vault.record
  if (recipient !== undefined) {
    await refuseSharedKey(session, recipient)
    if (kindOfRecipient(recipient) === keys) return { recipient }
    throw new VaultError("KEYS_MIXED", `the recipient is not of the vault's kind, ${keys}`, {
      hint: keys === "x25519" ? "make it with: age-keygen" : "make it with: age-keygen -pq",
    })
  }
  const identity = await generateIdentity(keys)
  const escrow = await sealEscrow(identity, session.vault.owners)
  return { recipient: await recipientOf(identity), made: { identity, escrow } }
}

/**
 * A recipient decides who reads, so each belongs to one agent, and to no owner; not to one who was
 * removed either, nor to one who has another key by now: theirs was to open nothing any more.
 */
async function refuseSharedKey(session: Session, recipient: string): Promise<void> {
  const { vault } = session
  const owner = vault.record.owners.find((entry) => entry.recipient === recipient)
  const agent = agentWithKey(vault, recipient)
  const holder = owner?.name ?? agent?.name
  const former = holder === undefined ? await formerHolder(session, recipient) : undefined
  if (holder === undefined && former === undefined) return
  const whose = agent?.isRemoved === true ? `${holder}, who was removed` : `${holder} already`
  const what = former === undefined ? `the key of ${whose}` : `an earlier key of ${former}`
  throw new VaultError("EXISTS", `that is ${what}`, {
    hint: "each agent has a key of its own: make another with age-keygen",
  })
}

/** Writes the record of an agent and its escrow; a name that was used before goes on counting. */
function putAgent(
  session: Session,
  agent: string,
  { recipient, made }: AgentKey,
  precedent = 0,
): void {
  const before = findAgentRecord(session.vault, agent)
  const path = agentRecordPath(agent)
  const seen = session.vault.memory.userMarks.highest(path)?.serial ?? 0
  if (made !== undefined) session.draft.write(escrowPath(agent), made.escrow)
  else if (before?.escrow !== undefined) session.draft.remove(escrowPath(agent))
  putRecord<AgentRecord>(session, {
    kind: "agent",
    vault: session.vault.id,
    path,
    serial: Math.max(before?.serial ?? 0, seen, precedent) + 1,
    recipient,
    ...(made === undefined
      ? {}
      : { escrow: digestOf(made.escrow), ...escrowOwners(session.vault.record.owners) }),
    since: before?.ended === undefined && before !== undefined ? before.since : utc(session.now),
  })
}

/** The record stays, ended: were it gone, an old one could be brought back. */
function endAgent(session: Session, agent: string, record: AgentRecord): void {
  const { escrow, sealedToOwners: _to, removedOwners: _not, ...body } = unsigned(record)
  putRecord<AgentRecord>(session, { ...body, serial: record.serial + 1, ended: utc(session.now) })
  if (escrow !== undefined) session.draft.remove(escrowPath(agent))
}

/** Rekeys just the groups that a plan costs this agent. */
async function rekeyGroupsOf(session: Session, agent: string, all: Plan): Promise<Rekeyed> {
  const groups = all.groups.filter(({ losses }) => losses.some((loss) => loss.agent === agent))
  const plan = { ...all, groups }
  return { plan, exposed: await executePlan(session, plan) }
}

function enrolled(session: Session, agent: string, { recipient, made }: AgentKey): Enrolled {
  const identity = made === undefined ? {} : { identity: made.identity }
  const { signer } = commonAnchor(session.vault.record.owners) ?? session.owner
  return { agent, recipient, ...identity, signer, vault: session.vault.id }
}

function refuseTaken(session: Session, agent: string): void {
  const names = listAgents(session.vault)
  const folded = foldedCollision(agent, names)
  if (folded !== undefined) {
    throw new VaultError("NAME_INVALID", `${agent} and ${folded} differ only in case`, {
      hint: "on many disks they would be one file: choose another name",
    })
  }
  if (findAgent(session.vault, agent) === undefined) return
  throw new VaultError("EXISTS", `there is an agent ${agent} already`, {
    hint: `its key again: agent-vault agent recover ${agent}; a new key: agent-vault agent rekey ${agent} (--join LINE: one made elsewhere)`,
  })
}
