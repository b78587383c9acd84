import { executePlan } from "../change/execute-plan.js"
import { takenEscrows } from "../change/precedent.js"
import { sealEscrowToOwners } from "../change/seal-to-owners.js"
import type { Session } from "../change/session.js"
import { type GroupPlan, type Plan, isForOwnersOnly } from "../vault/plan.js"
import { VaultError } from "../words/errors.js"

/**
 * Seals what one side has, and an owner whom the other side added cannot open, to all owners. What the
 * owner who acts cannot open either stays pending, for one who can; so does an escrow that leaves out
 * an owner from whom it may have been taken.
 */
export async function sealToOwners(
  session: Session,
  plan: Plan,
  touched: ReadonlySet<string>,
): Promise<void> {
  const isOurs = (group: GroupPlan): boolean => touched.has(group.group) && isForOwnersOnly(group)
  for (const group of plan.groups.filter(isOurs)) {
    await whereOpen(() => executePlan(session, { id: plan.id, groups: [group] }))
  }
  const { escrows = [] } = plan
  const taken = await takenEscrows(session, escrows)
  for (const agent of escrows.filter((each) => !taken.has(each))) {
    await whereOpen(() => sealEscrowToOwners(session, agent))
  }
}

async function whereOpen(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!VaultError.is(error, "NOT_A_READER")) throw error
  }
}
