import { VaultError } from "../../../core/index.js"
import { revoke } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { exposureLines } from "../../door/exposure-lines.js"
import { asJson, outcomePart, planLines, report, tell } from "../../door/render.js"
import { usedBy, usedLines } from "../../door/used-lines.js"
import { changeRequest, isSet } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [agent = "", ...named] = door.call.words
  const all = isSet(door, "all")
  if (all === named.length > 0) {
    throw new VaultError(
      "USAGE",
      all ? "--all leaves no group to name" : "which groups are to be revoked?",
      {
        hint: `agent-vault revoke ${agent} GROUP…, or agent-vault revoke ${agent} --all`,
      },
    )
  }
  const request = await changeRequest(door)
  const groups = all ? "all" : named
  const outcome = await revoke({ ...request, agent, groups })
  const used = usedBy(door, request.place, agent, groups)
  const { plan, exposed } = outcome.result
  if (await asJson(door, { used, plan, exposed, ...outcomePart(outcome) })) return
  if (plan.groups.length === 0) {
    tell(door, `${agent} does not open ${all ? "anything" : named.join(", ")}.`)
  }
  const uses = plan.groups.length > 0 ? usedLines(agent, used) : []
  await report(
    door,
    outcome,
    ...uses,
    ...planLines(plan),
    ...exposureLines(door, exposed, { agent }),
  )
}
