import { type MovedSecret, moveSecret } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { meantSecret } from "../../door/meant-secret.js"
import { nextRead, readersText, stillReadable } from "../../door/readers-text.js"
import { exposureLines } from "../../door/exposure-lines.js"
import { asJson, outcomePart, report, tell } from "../../door/render.js"
import { changeRequest, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const [from = "", to = ""] = door.call.words.map((word) => meantSecret(place, word).full)
  const request = await changeRequest(door)
  const outcome = await withPerson(door, (person) => moveSecret({ ...request, person, from, to }))
  const { result } = outcome
  if (await asJson(door, { ...result, ...outcomePart(outcome) })) return
  const moved = [...moveLines(result), ...exposureLines(door, result.exposed)]
  await report(door, outcome, ...moved, ...historyLines(result))
  if (!request.dryRun) tell(door, nextRead(door, result.to, result.readers))
}

function moveLines(moved: MovedSecret): string[] {
  const { from, to, newGroup, similarGroup, gains, losses } = moved
  const similar = similarGroup === undefined ? "" : `; did you mean ${similarGroup}?`
  return [
    `${from} -> ${to}`,
    ...(newGroup ? [`  a new group${similar}`] : []),
    ...gains.map((gain) => `  + ${readersText([gain]) ?? ""} gains access`),
    ...losses.map(({ agent }) => `  - ${agent} loses access`),
  ]
}

/** In another group, what was sealed to the first one stays there for whoever had its key. */
function historyLines({ losses }: MovedSecret): string[] {
  if (losses.length === 0) return []
  return [
    stillReadable(
      "What it held stays",
      losses.map(({ agent }) => agent),
    ),
  ]
}
