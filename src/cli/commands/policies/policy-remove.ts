import { removePolicy } from "../../../core/owner.js"
import { afterRepair } from "../../door/after-repair.js"
import { isAgreed } from "../../door/agreed.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { asJson, outcomeLines, outcomePart, policyLines, report, tell } from "../../door/render.js"
import { changeRequest, isSet } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const request = await changeRequest(door)
  const planned = await afterRepair(request, () => removePolicy({ ...request, dryRun: true }))
  const { plan } = planned.result
  const lines = plan === undefined ? [] : policyLines(plan)
  if (request.dryRun) {
    if (await asJson(door, { ...planned.result, files: planned.files })) return
    await report(door, planned, ...lines)
    return
  }
  if (!isSet(door, "yes") || !isSet(door, "json")) tell(door, ...lines)
  if (!(await isAgreed(door, "Take it away?"))) return
  const outcome = await withPerson(door, (person) => removePolicy({ ...request, person }))
  if (await asJson(door, { ...outcome.result, ...outcomePart(outcome) })) return
  tell(
    door,
    ...outcomeLines(door, outcome),
    "Whoever was granted a group reads it again, at every door.",
  )
}
