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
 * as the branch's history goes. Throws `PENDING`.
 */
export async function refuseReplacedKeys(session: Session, { groups }: Plan): Promise<void> {
  // Whom a group never had, it had by no key: the history need not be looked at.
  const gaining = groups.filter(({ is, gains, losses }) =>
    gains.some(({ revokedAt }) => is === "new" || losses.length > 0 || revokedAt !== undefined),
  )
  if (gaining.length === 0) return
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
      .map((member) => ({ plan, agent: member.agent, later: maybeLater(member, own, present) }))
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
    if (!later.every((key) => isLeftBehind(key, present, records))) {
      throw keyReplaced(session, plan, agent)
    }
  }
}

/**
 * Whether the records of an agent show that a key did not take the place of its present one: it is not
 * after that one, and an owner signed the present one further, as in a merge of two rekeys.
 */
function isLeftBehind(key: string, present: AgentRecord, past: readonly AgentRecord[]): boolean {
  const serialsOf = (recipient: string): readonly number[] =>
    [present, ...past].filter((each) => each.recipient === recipient).map(({ serial }) => serial)
  const [serials, own] = [serialsOf(key), serialsOf(present.recipient)]
  const isNotAfter = serials.some((serial) => own.every((each) => serial <= each))
  return isNotAfter && serials.every((serial) => serial < present.serial)
}

/**
 * The other keys of an agent that a group may have had after this one: one that it has now, one that a
 * later record has, and one by which the agent lost what it opened when it had this key, since another
 * branch may have come as far with it.
 */
function maybeLater(
  { agent, recipient }: Member,
  past: readonly GroupRecord[],
  present: GroupRecord | undefined,
): readonly string[] {
  const keys = past.flatMap(({ epoch, members, revoked }) => {
    const key = members.find((each) => each.agent === agent)?.recipient
    const lost = revoked.find((each) => each.agent === agent)?.epoch ?? 0
    return key === undefined ? [] : [{ key, epoch, lost }]
  })
  const own = keys.filter(({ key }) => key === recipient).map(({ epoch }) => epoch)
  const others = own.length === 0 ? [] : keys.filter(({ key }) => key !== recipient)
  const later = others.filter(
    ({ epoch, lost }) => own.every((each) => each < epoch) || own.some((each) => each <= lost),
  )
  const here = present?.members.find((each) => each.agent === agent)?.recipient ?? recipient
  return [...later.map(({ key }) => key), ...(here === recipient ? [] : [here])]
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
