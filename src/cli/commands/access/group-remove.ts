import { type RemovedGroup, removeGroup } from "../../../core/owner.js"
import { afterRepair } from "../../door/after-repair.js"
import type { Door } from "../../door/door.js"
import { afterRemoval, removedLines } from "../../door/removed-lines.js"
import { asJson, outcomePart, planLines, report, tell } from "../../door/render.js"
import { changeRequest, isSet } from "../../door/who.js"
import { confirm } from "../../terminal/ask.js"
import { typedAgain } from "../../parse/typed-again.js"

export async function run(door: Door): Promise<void> {
  const [group = ""] = door.call.words
  const request = { ...(await changeRequest(door)), group }
  const look = () => removeGroup({ ...request, dryRun: true, withSecrets: true })
  const planned = await afterRepair(request, look)
  if (request.dryRun) {
    if (await asJson(door, { ...planned.result, ...outcomePart(planned) })) return
    await report(door, planned, ...shown(planned.result, true))
    return
  }
  const withSecrets = await mayTakeSecrets(door, planned.result)
  if (withSecrets === undefined) {
    tell(door, "Nothing was changed.")
    return
  }
  const outcome = await removeGroup({ ...request, withSecrets })
  if (await asJson(door, { ...outcome.result, ...outcomePart(outcome) })) return
  await report(door, outcome, ...shown(outcome.result, false))
}

/** Whether secrets go with the group; undefined: the person at the terminal says no to all of it. */
async function mayTakeSecrets(door: Door, planned: RemovedGroup): Promise<boolean | undefined> {
  if (isSet(door, "with-secrets")) return true
  // Core refuses it then, and says how else it goes.
  if (planned.removed.length === 0 || !door.terminal.stdin.isTTY) return false
  tell(door, ...shown(planned, true))
  const all = typedAgain(door.call, "--with-secrets")
  const isAgreed = await confirm(door.terminal, "Remove all of it?", all)
  return isAgreed ? true : undefined
}

function shown({ plan, removed }: RemovedGroup, isToCome: boolean): string[] {
  return [...planLines(plan), ...removedLines(removed), ...afterRemoval(removed, isToCome)]
}
