import { removePolicy } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { asJson, outcomeLines, outcomePart, policyLines, report, tell } from "../../door/render.js"
import { changeRequest, isSet } from "../../door/who.js"
import { confirm } from "../../terminal/ask.js"
import { typedAgain } from "../../parse/typed-again.js"

export async function run(door: Door): Promise<void> {
  const request = await changeRequest(door)
  const planned = await removePolicy({ ...request, dryRun: true })
  const { plan } = planned.result
  const lines = plan === undefined ? [] : policyLines(plan)
  if (request.dryRun) {
    if (await asJson(door, { ...planned.result, files: planned.files })) return
    await report(door, planned, ...lines)
    return
  }
  if (!isSet(door, "yes") || !isSet(door, "json")) tell(door, ...lines)
  const yes = typedAgain(door.call, "--yes")
  if (!isSet(door, "yes") && !(await confirm(door.terminal, "Take it away?", yes))) {
    tell(door, "Nothing was changed.")
    return
  }
  const outcome = await withPerson(door, (person) => removePolicy({ ...request, person }))
  if (await asJson(door, { ...outcome.result, ...outcomePart(outcome) })) return
  tell(
    door,
    ...outcomeLines(door, outcome),
    "Whoever was granted a group reads it again, at every door.",
  )
}
