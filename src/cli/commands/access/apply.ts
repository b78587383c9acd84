import { VaultError } from "../../../core/index.js"
import { type Applied, type Outcome, apply, isEmptyPlan } from "../../../core/owner.js"
import { afterRepair } from "../../door/after-repair.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { exposureLines } from "../../door/exposure-lines.js"
import { asJson, outcomePart, planLines, report, tell } from "../../door/render.js"
import { confirm } from "../../terminal/ask.js"
import { changeRequest, isSet, option } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const request = await changeRequest(door)
  const look = (): Promise<Outcome<Applied>> =>
    apply({ ...request, dryRun: true }, option(door, "plan"))
  const planned = await afterRepair(request, look)
  const { plan } = planned.result
  if (request.dryRun) {
    if (await asJson(door, { plan, files: planned.files })) return
    await report(door, planned, ...planLines(plan))
    if (!isEmptyPlan(plan)) {
      tell(door, `Apply just this: agent-vault apply --yes --plan ${plan.id}`)
    }
    return
  }
  if (!isEmptyPlan(plan) && !(await isAgreed(door, planLines(plan), plan.id))) {
    tell(door, "Nothing was changed.")
    return
  }
  const outcome = await withPerson(door, (person) => apply({ ...request, person }, plan.id))
  const { exposed } = outcome.result
  if (await asJson(door, { plan, exposed, ...outcomePart(outcome) })) return
  await report(door, outcome, ...exposureLines(door, exposed))
}

/** Asks at a terminal; elsewhere the plan must have been reviewed, and be named. */
async function isAgreed(door: Door, lines: readonly string[], id: string): Promise<boolean> {
  const atTerminal = door.terminal.stdin.isTTY
  const isNamed = isSet(door, "yes") && (atTerminal || option(door, "plan") !== undefined)
  if (!isNamed || !isSet(door, "json")) tell(door, ...lines)
  if (isNamed) return true
  const flag = `agent-vault apply --yes --plan ${id}`
  if (isSet(door, "yes")) {
    throw new VaultError(
      "NO_TERMINAL",
      "without a terminal, --yes needs the plan that was reviewed",
      {
        hint: flag,
      },
    )
  }
  return confirm(door.terminal, "Make it so?", flag)
}
