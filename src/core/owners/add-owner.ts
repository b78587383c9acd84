import { kindOfRecipient } from "../age/age.js"
import { type OwnerJoining, ownerFingerprint } from "../records/join-line.js"
import { signOwner } from "../records/owners.js"
import type { OwnerEntry } from "../records/record.js"
import { agentWithKey } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { parseOwnerName } from "../words/names.js"
import { type ChangeRequest, type Outcome, change } from "../change/change.js"
import { planAccess, planEdit } from "../change/draft-plan.js"
import { executePlan } from "../change/execute-plan.js"
import { formerHolder } from "../change/precedent.js"
import type { ExposedSecret } from "../change/rekey.js"
import { sealEscrowsToOwners } from "../change/seal-to-owners.js"
import type { Session } from "../change/session.js"
import { withOwners } from "./with-owners.js"

export interface AddOwnerRequest extends ChangeRequest {
  /** Who asks, as {@link acceptOwnerLine} read it. */
  readonly joining: OwnerJoining
}

/** A new owner, and what is sealed to them. */
export interface OwnerAdded {
  readonly owner: string
  readonly recipient: string
  readonly signer: string
  readonly fingerprint: string
  readonly vault: string
  readonly groups: readonly string[]
  /** The agents whose key they can bring back. */
  readonly escrows: readonly string[]
  /** Values of grants that had run out, which this rekeyed away. */
  readonly exposed: readonly ExposedSecret[]
}

/**
 * Makes somebody an owner: vault.json lists them, and the keys of every group, the earlier ones too,
 * and every escrow are sealed to them as well. All of it is one change. Throws `EXISTS`, `KEYS_MIXED`,
 * `PENDING`, `UNCONFIRMED`, and `NOT_A_READER` if the owner who acts cannot open everything yet.
 */
export function addOwner(request: AddOwnerRequest): Promise<Outcome<OwnerAdded>> {
  const { joining } = request
  const owner = parseOwnerName(joining.owner)
  return change(request, async (session) => {
    await refuseTaken(session, joining)
    session.requirePerson(`make ${owner} an owner, who opens everything and lets others in`)
    // Other differences would be applied unseen.
    planEdit(session, () => {})
    const { id, record } = session.vault
    const { recipient, signer } = joining
    const wider = withOwners(session, (since) => [
      ...record.owners,
      signOwner(id, { name: joining.owner, recipient, signer, since }, session.key),
    ])
    const plan = planAccess(wider)
    const exposed = await executePlan(wider, plan)
    await sealEscrowsToOwners(wider, plan)
    const result = {
      owner,
      recipient,
      signer,
      fingerprint: ownerFingerprint(joining),
      vault: session.vault.id,
      groups: plan.groups.map(({ group }) => group),
      escrows: plan.escrows ?? [],
      exposed,
    }
    return { result, message: `owner add ${owner}` }
  })
}

/** A name, a recipient and a signer belong to one person or machine each. */
async function refuseTaken(session: Session, joining: OwnerJoining): Promise<void> {
  const { vault } = session
  const { owner, recipient, signer } = joining
  if (kindOfRecipient(recipient) !== vault.record.keys) {
    throw new VaultError("KEYS_MIXED", `the key of ${owner} is not of the vault's kind`, {
      hint: `have it made in a clone of this vault: agent-vault join ${owner} --owner`,
    })
  }
  const before = vault.record.owners.find(
    (entry) => entry.signer === signer || entry.recipient === recipient,
  )
  if (before !== undefined) throw keyTaken(before)
  const named = vault.owners.find(({ name }) => name.toLowerCase() === owner.toLowerCase())
  if (named !== undefined) {
    throw new VaultError("EXISTS", `there is an owner ${named.name} already`, {
      hint: "have the line made with another name: agent-vault join NAME --owner",
    })
  }
  const whose = await agentOf(session, recipient)
  if (whose === undefined) return
  throw new VaultError("EXISTS", `that is ${whose}`, {
    hint: `an owner has a key of their own: agent-vault join ${owner} --owner`,
  })
}

/** Whose key this is, or was, of all agents. */
async function agentOf(session: Session, recipient: string): Promise<string | undefined> {
  const agent = agentWithKey(session.vault, recipient)
  if (agent?.isRemoved === true) return `the key of ${agent.name}, who was removed as an agent`
  if (agent !== undefined) return `the key of the agent ${agent.name}`
  const former = await formerHolder(session, recipient)
  return former && `an earlier key of the agent ${former}`
}

function keyTaken({ name, ended }: OwnerEntry): VaultError {
  return ended === undefined
    ? new VaultError("EXISTS", `that is the key of the owner ${name} already`, {
        hint: "see who is an owner: agent-vault owner list",
      })
    : new VaultError("EXISTS", `that is the key of ${name}, who was removed as an owner`, {
        hint: `they move their key file away, and make a new key: agent-vault join ${name} --owner`,
      })
}
