import { addGroup } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { asJson, outcomePart, planLines, report, tell } from "../../door/render.js"
import { changeRequest, option } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [group = ""] = door.call.words
  const request = await changeRequest(door)
  const description = option(door, "description")
  const outcome = await addGroup({ ...request, group, description })
  if (await asJson(door, { ...outcome.result, ...outcomePart(outcome) })) return
  await report(door, outcome, ...planLines(outcome.result.plan))
  if (!request.dryRun) tell(door, `Next: agent-vault set ${group}/NAME`)
}
