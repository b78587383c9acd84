import { type ChangeRequest, type Outcome, change } from "./change.js"
import { planAll, summary } from "./draft-plan.js"
import { executePlan } from "./execute-plan.js"
import type { ExposedSecret } from "./rekey.js"
import { sealEscrowsToOwners } from "./seal-to-owners.js"
import { VaultError } from "../words/errors.js"
import { MANIFEST } from "../words/layout.js"
import type { Plan } from "../vault/plan.js"

/** What applying a plan did. */
export interface Applied {
  readonly plan: Plan
  /** Values that agents could read which may not read them now: rotate them. */
  readonly exposed: readonly ExposedSecret[]
}

/**
 * Makes the sealed state follow the manifest, an uncommitted edit of it included. With `planId`,
 * only if that is still the plan. Throws `PLAN_CHANGED`, `AGENT_NOT_FOUND`, `PENDING`.
 */
export function apply(request: ChangeRequest, planId?: string): Promise<Outcome<Applied>> {
  return change(request, async (session) => {
    const plan = planAll(session)
    if (planId !== undefined && planId !== plan.id) throw planChanged(plan, planId)
    const manifest = session.draft.read(MANIFEST)
    if (manifest !== undefined) session.draft.write(MANIFEST, manifest)
    const exposed = await executePlan(session, plan)
    await sealEscrowsToOwners(session, plan)
    return { result: { plan, exposed }, message: `apply ${summary(plan)}`, wish: MANIFEST }
  })
}

function planChanged(plan: Plan, asked: string): VaultError {
  return new VaultError(
    "PLAN_CHANGED",
    `the plan is ${plan.id} now, not ${asked}: the vault changed`,
    {
      hint: "look at it again: agent-vault apply --dry-run",
    },
  )
}
