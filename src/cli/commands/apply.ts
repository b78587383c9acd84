import { VaultError } from "../../core/index.js"
import { type Applied, type ChangeRequest, type Outcome, apply, repair } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import {
  asJson,
  exposureLines,
  outcomeLines,
  outcomePart,
  planLines,
  print,
  tell,
} from "../door/render.js"
import { confirm } from "../terminal/ask.js"
import { changeRequest, isSet, option } from "../door/who.js"

export async function run(door: Door): Promise<void> {
  const request = await changeRequest(door)
  const planned = await planChange(door, request)
  const { plan } = planned.result
  if (request.dryRun) {
    if (await asJson(door, { plan, files: planned.files })) return
    await print(door, planLines(plan))
    tell(door, ...outcomeLines(door, planned))
    if (plan.groups.length > 0) {
      tell(door, `Apply just this: agent-vault apply --yes --plan ${plan.id}`)
    }
    return
  }
  if (plan.groups.length > 0 && !(await isAgreed(door, planLines(plan), plan.id))) {
    tell(door, "Nothing was changed.")
    return
  }
  const outcome = await apply(request, plan.id)
  const { exposed } = outcome.result
  if (await asJson(door, { plan, exposed, ...outcomePart(outcome) })) return
  await print(door, exposureLines(door, exposed))
  tell(door, ...outcomeLines(door, outcome))
}

/** What is to be done; what an interrupted command left is completed first, as by any change. */
async function planChange(door: Door, request: ChangeRequest): Promise<Outcome<Applied>> {
  const look = (): Promise<Outcome<Applied>> =>
    apply({ ...request, dryRun: true }, option(door, "plan"))
  if (request.dryRun === true) return look()
  try {
    return await look()
  } catch (error) {
    if (!VaultError.is(error, "BUSY")) throw error
    await repair(request.place.root, door.env)
    return look()
  }
}

/** Asks at a terminal; elsewhere the plan must have been reviewed, and be named. */
async function isAgreed(door: Door, lines: readonly string[], id: string): Promise<boolean> {
  const atTerminal = door.terminal.stdin.isTTY
  if (isSet(door, "yes") && (atTerminal || option(door, "plan") !== undefined)) return true
  tell(door, ...lines)
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
