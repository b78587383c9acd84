import { type ChangeRequest, type Outcome, change } from "../change/change.js"
import { holdsUpRekey, planAll, summary } from "../change/draft-plan.js"
import { type Applied, executePlan } from "../change/execute-plan.js"
import { refuseReplacedKeys } from "../change/replaced-keys.js"
import { sealEscrowsToOwners } from "../change/seal-to-owners.js"
import { VaultError } from "../words/errors.js"
import { MANIFEST, POLICY_WISH } from "../words/layout.js"
import type { Draft } from "../change/draft.js"
import type { Session } from "../change/session.js"
import { type PolicyWish, parsePolicyWish, policyPlan } from "../policy/policy-wish.js"
import { type Plan, withPolicy } from "../vault/plan.js"
import { refuseKnownKey } from "../vault/sealed-state.js"
import { signedRules } from "../vault/signed-rules.js"
import { signWish } from "./change-policy.js"

/**
 * Makes the sealed state follow the manifest, an uncommitted edit of it included, and signs the policy
 * that policy.yaml wishes. With `planId`, only if that is still the plan. Throws `PLAN_CHANGED`,
 * `AGENT_NOT_FOUND`, `PENDING`, `CONFIG_INVALID`.
 */
export function apply(request: ChangeRequest, planId?: string): Promise<Outcome<Applied>> {
  return change(request, async (session) => {
    const policy = policyWishIn(session.draft)
    const wished = policy && policyPlan(signedRules(session.vault), policy.rules)
    const plan = withPolicy(planAll(session), wished)
    if (planId !== undefined && planId !== plan.id) throw planChanged(plan, planId)
    refuseKnownKeys(session, plan)
    await refuseReplacedKeys(session, plan)
    const manifest = session.draft.read(MANIFEST)
    if (manifest !== undefined) session.draft.write(MANIFEST, manifest)
    const exposed = await executePlan(session, plan)
    await sealEscrowsToOwners(session, plan)
    if (policy !== undefined) await signWish(session, policy, POLICY_WISH)
    return { result: { plan, exposed }, message: `apply ${summary(plan)}`, wish: MANIFEST }
  })
}

/** The new groups of an agent would be open to whoever knows its key. Throws `PENDING`. */
function refuseKnownKeys(session: Session, { groups }: Plan): void {
  const gaining = new Set(groups.flatMap(({ gains }) => gains.map(({ agent }) => agent)))
  for (const agent of gaining) {
    const waits = groups.some((group) => holdsUpRekey(session, group, agent))
    const gained = groups.filter(({ gains }) => gains.some((gain) => gain.agent === agent))
    refuseKnownKey(session.vault, agent, waits ? gained.map(({ group }) => group) : [])
  }
}

/** Where there is none, a policy stays as it is: a lost file must not take it away. */
function policyWishIn(draft: Draft): PolicyWish | undefined {
  const bytes = draft.read(POLICY_WISH)
  return bytes === undefined ? undefined : parsePolicyWish(bytes)
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
