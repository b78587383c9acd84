import { renewAgentKey } from "../change/agents.js"
import { type ChangeRequest, type Done, type Outcome, change } from "../change/change.js"
import { planAccess, planEdit } from "../change/draft-plan.js"
import { executePlan } from "../change/execute-plan.js"
import type { ExposedSecret } from "../change/rekey.js"
import { type Session, putRecord } from "../change/session.js"
import { type Renewed, resealKept } from "../leases/reseal-kept.js"
import { commonAnchor } from "../memory/trust.js"
import { endOwner, signOwner } from "../records/owners.js"
import { type OwnerEntry, digestOf, encodeRecord, unsigned } from "../records/record.js"
import type { GroupPlan } from "../vault/plan.js"
import { withKept } from "../vault/sealed-state.js"
import {
  type Vault,
  allRecords,
  findAgent,
  findSecret,
  listAgents,
  listSecrets,
} from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { meantOr } from "../words/names.js"
import { withUnfinished } from "../words/unfinished.js"
import { withOwners } from "./with-owners.js"

/** What a record, signed last by an owner who is none any more, says that its value may do. */
interface Vouched {
  readonly secret: string
  readonly says: readonly (typeof MAY_LEAD_AWAY)[number][]
}

/** By these a value leaves, or a program runs: whoever signs them anew vouches for them. */
const MAY_LEAD_AWAY = ["use", "rotation", "source", "lease"] as const

/** An owner who is none any more, and what that took. */
export interface OwnerRemoved {
  readonly owner: string
  readonly signer: string
  readonly vault: string
  /** The groups that have new keys: all. */
  readonly groups: readonly string[]
  /** The agents that have a new key in escrow, since the removed owner could know the one before. */
  readonly agents: readonly string[]
  /** The agents whose key is not in escrow: they keep it, and who made it, nobody here can tell. */
  readonly kept: readonly string[]
  /** The other owners whom the removed one let in: they stay. */
  readonly brought: readonly string[]
  /** Where the word of the removed owner was the last one on what becomes of a value. */
  readonly vouched: readonly Vouched[]
  /** Every value that the removed owner could read. */
  readonly exposed: readonly ExposedSecret[]
  /**
   * The leased secrets of which one of these agents alone keeps what succeeds their refresh token: its
   * new key opens that on this machine only. Absent where there is none.
   */
  readonly leases?: NonNullable<GroupPlan["kept"]>
  /** The owner whom agents are to trust from now on, where it was the removed one until now. */
  readonly anchor?: { readonly owner: string; readonly signer: string }
}

/**
 * Takes from an owner what an owner has. vault.json says that they have ended; every group gets a new
 * key, and its secrets are sealed to that; every agent whose key is in escrow gets a new pair; and what
 * only they signed, the owner who acts signs. All of it is one change. Throws `OWNER_NOT_FOUND`,
 * `USAGE`, `PENDING`, `UNCONFIRMED`, and `NOT_A_READER` if the owner who acts cannot open everything.
 */
export async function removeOwner(
  request: ChangeRequest & { readonly owner: string },
): Promise<Outcome<OwnerRemoved>> {
  let renewed: readonly Renewed[] = []
  const outcome = await change(request, (session) =>
    withoutOwner(session, request.owner, (agents) => (renewed = agents)),
  )
  if (outcome.commit === undefined) return outcome
  const { identity, env } = request
  const { vault } = outcome.result
  const faults = renewed.map((agent) => resealKept(vault, agent, identity.identity, env))
  return withUnfinished(outcome, ...(await Promise.all(faults)).flat())
}

async function withoutOwner(
  session: Session,
  owner: string,
  onRenewed: (agents: readonly Renewed[]) => void,
): Promise<Done<OwnerRemoved>> {
  const removed = removable(session, owner)
  const { name, signer } = removed
  session.requirePerson(`remove the owner ${name}, and give every agent in escrow a new key`)
  // Other differences would be applied unseen.
  planEdit(session, () => {})
  const { record, id } = session.vault
  const before = commonAnchor(record.owners)
  const vouched = leadingAway(session.vault, signer)
  const kept = agentsWith(session.vault, "no escrow")
  const others = session.vault.owners.filter((each) => each !== removed && each !== session.owner)
  const brought = others.filter((each) => each.by === signer)
  const left = withOwners(session, (until) => {
    const ended = endOwner(id, removed, until, session.key)
    const entries = record.owners.map((entry) => (entry === removed ? ended : entry))
    return withAnchor(session, name, entries)
  })
  const agents = await renewEscrows(left)
  onRenewed(renewedKeys(left.vault, agents))
  const plan = withKept(left.vault, planAccess(left))
  const groups = plan.groups.map((group) => withoutRenewed(group, new Set(agents)))
  const exposed = await executePlan(left, { ...plan, groups })
  signAnew(left, signer)
  const after = commonAnchor(left.vault.record.owners)
  const leases = plan.groups.flatMap(({ kept: own = [] }) => own)
  const isAnchor = before?.signer === signer && after !== undefined
  const result = {
    owner: name,
    signer,
    vault: id,
    groups: groups.map(({ group }) => group),
    agents,
    kept,
    brought: brought.map((each) => each.name),
    vouched,
    exposed,
    ...(leases.length === 0 ? {} : { leases }),
    ...(isAnchor ? { anchor: { owner: after.name, signer: after.signer } } : {}),
  }
  return { result, message: `owner remove ${name}` }
}

/** The entry of an owner whom the one who acts may remove. Throws `OWNER_NOT_FOUND`, `USAGE`. */
function removable({ vault, owner }: Session, name: string): OwnerEntry {
  const entry = vault.owners.find((each) => each.name === name)
  if (entry === undefined) {
    const names = vault.owners.map((each) => each.name)
    throw new VaultError("OWNER_NOT_FOUND", `there is no owner ${name}`, {
      hint: meantOr(name, names, "see them: agent-vault owner list"),
    })
  }
  if (vault.owners.length === 1) {
    throw new VaultError(
      "USAGE",
      `${name} is the last owner: without one, nobody governs the vault`,
      {
        hint: "let another one in first: agent-vault owner add NAME --join LINE",
      },
    )
  }
  if (entry.signer !== owner.signer) return entry
  throw new VaultError("USAGE", `${name} is you: whoever removes an owner makes the new keys`, {
    hint: `another owner types: agent-vault owner remove ${name}`,
  })
}

/**
 * The entries, with one owner who brought all others. Where the removed one did, whoever of the others
 * came first vouches for the rest: signs their entries, as they stand. Throws `USAGE` for any other.
 */
function withAnchor(
  session: Session,
  removed: string,
  entries: readonly OwnerEntry[],
): readonly OwnerEntry[] {
  if (commonAnchor(entries) !== undefined) return entries
  const active = entries.filter(({ ended }) => ended === undefined)
  const first = active.reduce((one, other) => (other.since < one.since ? other : one))
  if (first.signer !== session.owner.signer) {
    throw new VaultError(
      "USAGE",
      `the others came by ${removed}: ${first.name}, who came first of them, has to vouch for them`,
      { hint: `${first.name} types: agent-vault owner remove ${removed}` },
    )
  }
  return entries.map((entry) => {
    if (entry.ended !== undefined || entry === first) return entry
    const { name, recipient, signer, since } = entry
    return signOwner(session.vault.id, { name, recipient, signer, since }, session.key)
  })
}

/** Gives every agent a new key whose present one is in escrow. Resolves to their names. */
async function renewEscrows(session: Session): Promise<readonly string[]> {
  const agents = agentsWith(session.vault, "escrow")
  for (const [done, agent] of agents.entries()) {
    await renewAgentKey(session, agent)
    session.onProgress(done + 1, agents.length, "making keys for agents")
  }
  return agents
}

/** The keys that agents have now, and who owns what they keep. */
function renewedKeys(vault: Vault, agents: readonly string[]): readonly Renewed[] {
  const owners = vault.owners.map(({ recipient }) => recipient)
  return agents.flatMap((name) => {
    const recipient = findAgent(vault, name)?.recipient
    return recipient === undefined ? [] : [{ name, recipient, owners }]
  })
}

/** The present agents whose key an owner can bring out of escrow, or those that nobody can. */
function agentsWith(vault: Vault, what: "escrow" | "no escrow"): readonly string[] {
  return listAgents(vault).filter((agent) => {
    const record = findAgent(vault, agent)
    return record !== undefined && (record.escrow !== undefined) === (what === "escrow")
  })
}

/** The secrets whose record this owner signed last, if it says where the value goes or what runs. */
function leadingAway(vault: Vault, signer: string): readonly Vouched[] {
  return listSecrets(vault).flatMap((name) => {
    const record = findSecret(vault, name)
    if (record?.signature.signer !== signer) return []
    const says = MAY_LEAD_AWAY.filter((field) => record[field] !== undefined)
    return says.length === 0 ? [] : [{ secret: name.full, says }]
  })
}

/** An agent that has its group with a new key lost nothing: it is the owner who may know the old one. */
function withoutRenewed(plan: GroupPlan, renewed: ReadonlySet<string>): GroupPlan {
  const losses = plan.losses.filter(({ agent, why }) => why !== "rekeyed" || !renewed.has(agent))
  return { ...plan, losses }
}

/** Signs what is left of an owner: readers believe nothing that a removed one has signed. */
function signAnew(session: Session, signer: string): void {
  for (const record of allRecords(session.vault)) {
    if (record.signature.signer !== signer) continue
    const previous = record.kind === "secret" ? { previous: digestOf(encodeRecord(record)) } : {}
    putRecord(session, { ...unsigned(record), ...previous, serial: record.serial + 1 })
  }
}
