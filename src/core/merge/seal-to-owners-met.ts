import { executePlan } from "../change/execute-plan.js"
import { sealEscrowsToOwners } from "../change/seal-to-owners.js"
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
  const parts = [
    ...plan.groups.filter(isOurs).map((group) => ({ id: plan.id, groups: [group] })),
    ...(plan.escrows ?? []).map((agent) => ({ id: plan.id, groups: [], escrows: [agent] })),
  ]
  for (const part of parts) {
    try {
      await executePlan(session, part)
      await sealEscrowsToOwners(session, part)
    } catch (error) {
      if (!VaultError.is(error, "NOT_A_READER") && !VaultError.is(error, "PENDING")) throw error
    }
  }
}
