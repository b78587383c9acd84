import type { AgentRecord, GroupRecord, Member } from "../records/record.js"
import type { GroupPlan, Plan } from "../vault/plan.js"
import { findGroup, getAgent } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { MANIFEST, agentRecordPath, groupRecordPath } from "../words/layout.js"
import { isKeyAlone } from "./draft-plan.js"
import { signedBelow } from "./precedent.js"
import type { Session } from "./session.js"

/**
 * Refuses to let an agent into a group by a key in whose place the group has, or had, a later one of it.
 * Whoever can push can bring a group that follows a rekey without the agent's record that does. As far
 * as the branch's history goes, in which removed owners, who still have their key, prove nothing that
 * lets an agent in. Throws `PENDING`.
 */
export async function refuseReplacedKeys(session: Session, { groups }: Plan): Promise<void> {
  // Whom a group never had, it had by no key: the history need not be looked at.
  const gaining = groups.filter(({ is, gains, losses }) =>
    gains.some(({ revokedAt }) => is === "new" || losses.length > 0 || revokedAt !== undefined),
  )
  if (gaining.length === 0) return
  const owners = new Set(session.vault.owners.map(({ signer }) => signer))
  const groupPaths = new Set(gaining.map(({ group }) => groupRecordPath(group)))
  const past = await signedBelow(session, "groups", groupPaths)
  const doubts = gaining.flatMap((plan) => {
    const path = groupRecordPath(plan.group)
    const own = past.flatMap((each) =>
      each.path === path && each.record?.kind === "group" ? [each.record] : [],
    )
    const present = findGroup(session.vault, plan.group)
    const gained = new Set(plan.gains.map(({ agent }) => agent))
    return plan.members
      .filter(({ agent }) => gained.has(agent))
      .map((member) => {
        const later = [...laterIn(own, member, owners), ...otherKey(member, present)]
        return { plan, agent: member.agent, later }
      })
      .filter(({ later }) => later.length > 0)
  })
  if (doubts.length === 0) return
  const paths = new Set(doubts.map(({ agent }) => agentRecordPath(agent)))
  const known = await signedBelow(session, "agents", paths)
  for (const { plan, agent, later } of doubts) {
    const present = getAgent(session.vault, agent)
    const records = known.flatMap(({ path, record }) =>
      path === present.path && record?.kind === "agent" ? [record] : [],
    )
    if (!later.every((key) => isLeftBehind(key, present, records, owners))) {
      throw keyReplaced(session, plan, agent)
    }
  }
}

/**
 * Whether the records of an agent show that a key did not take the place of its present one: it is not
 * after that one, and an owner signed the present one further, as in a merge of two rekeys.
 */
function isLeftBehind(
  key: string,
  present: AgentRecord,
  past: readonly AgentRecord[],
  owners: ReadonlySet<string>,
): boolean {
  const recordsOf = (recipient: string): readonly AgentRecord[] =>
    [present, ...past].filter((each) => each.recipient === recipient)
  const [others, own] = [recordsOf(key), recordsOf(present.recipient)]
  const isNotAfter = others.some(
    ({ serial, signature }) =>
      owners.has(signature.signer) && own.every((each) => serial <= each.serial),
  )
  return isNotAfter && others.every(({ serial }) => serial < present.serial)
}

/**
 * The other keys of an agent that a group may have had after this one: one that a later record has, and
 * one by which the agent lost what it opened when it had this key, since another branch may have come as
 * far with it.
 */
function laterIn(
  past: readonly GroupRecord[],
  { agent, recipient }: Member,
  owners: ReadonlySet<string>,
): readonly string[] {
  const keys = past.flatMap(({ epoch, members, revoked, signature }) => {
    const key = members.find((each) => each.agent === agent)?.recipient
    const lost = revoked.find((each) => each.agent === agent)?.epoch ?? 0
    return key === undefined ? [] : [{ key, epoch, lost, isProof: owners.has(signature.signer) }]
  })
  const own = keys.filter(({ key }) => key === recipient)
  const others = own.length === 0 ? [] : keys.filter(({ key }) => key !== recipient)
  const isLater = ({ epoch, lost }: { readonly epoch: number; readonly lost: number }): boolean =>
    own.every((each) => each.epoch < epoch || !each.isProof) ||
    own.some((each) => each.epoch <= lost)
  return others.filter(isLater).map(({ key }) => key)
}

/** Another key by which the group has the agent now. */
function otherKey(
  { agent, recipient }: Member,
  present: GroupRecord | undefined,
): readonly string[] {
  const here = present?.members.find((each) => each.agent === agent)?.recipient ?? recipient
  return here === recipient ? [] : [here]
}

function keyReplaced(session: Session, plan: GroupPlan, agent: string): VaultError {
  const { group, losses } = plan
  const message = `the record of ${agent} has a key in whose place ${group} had a later one of it`
  // The rekey itself waits where more is pending in a group that the agent opens.
  const waits = losses.some((loss) => loss.agent === agent) && !isKeyAlone(session, plan, agent)
  const rekey = `agent-vault agent rekey ${agent}`
  return new VaultError("PENDING", message, {
    hint: waits
      ? `the later record is not here: take the grant of ${agent} to ${group} out of ${MANIFEST}, then agent-vault apply; then ${rekey}, and agent-vault grant ${agent} ${group}`
      : `the later record is not here; give it a new key: ${rekey}`,
  })
}
