import { removeSecrets } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { meantSecret } from "../../door/meant-secret.js"
import { afterRemoval, removedLines } from "../../door/removed-lines.js"
import { asJson, outcomePart, report, tell } from "../../door/render.js"
import { changeRequest, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const names = door.call.words.map((word) => meantSecret(place, word).full)
  const request = await changeRequest(door)
  const outcome = await removeSecrets({ ...request, names })
  const { removed, emptied } = outcome.result
  if (await asJson(door, { removed, emptied, ...outcomePart(outcome) })) return
  await report(door, outcome, ...removedLines(removed), ...afterRemoval(removed, request.dryRun))
  if (request.dryRun) return
  tell(
    door,
    ...emptied.map(
      (group) => `${group} has no secret any more. Next: agent-vault group remove ${group}`,
    ),
  )
}
