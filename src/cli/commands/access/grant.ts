import { VaultError, later, parseDuration, parseTime, someSecretIn } from "../../../core/index.js"
import { grant } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { exposureLines } from "../../door/exposure-lines.js"
import { nextRead } from "../../door/readers-text.js"
import { asJson, outcomePart, planLines, report, tell } from "../../door/render.js"
import { changeRequest, option, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [agent = "", ...groups] = door.call.words
  const until = endOf(door)
  const request = await changeRequest(door)
  const reason = option(door, "reason")
  const outcome = await withPerson(door, (person) =>
    grant({ ...request, person, agent, groups, until, reason }),
  )
  const { plan, exposed } = outcome.result
  if (await asJson(door, { plan, exposed, ...outcomePart(outcome) })) return
  if (plan.groups.length === 0) tell(door, `${agent} opens ${groups.join(", ")} already.`)
  await report(door, outcome, ...planLines(plan), ...exposureLines(door, exposed))
  if (!request.dryRun) tell(door, nextRead(door, anyOf(door, groups), [{ agent }]))
}

/** The name of a secret that was opened by this; of a group that is empty, how one would be written. */
function anyOf(door: Door, [group = ""]: readonly string[]): string {
  return someSecretIn(placeOf(door), group) ?? `${group}/NAME`
}

function endOf(door: Door): string | undefined {
  const [span, date] = [option(door, "for"), option(door, "until")]
  if (span !== undefined && date !== undefined) {
    throw new VaultError("USAGE", "--for and --until both say when the grant ends", {
      hint: "give one",
    })
  }
  if (span !== undefined) return later(door.now, parseDuration(span))
  return date === undefined ? undefined : parseTime(date)
}
