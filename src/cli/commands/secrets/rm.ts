import { type RemovedSecret, removeSecrets } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { meantSecret } from "../../door/meant-secret.js"
import { stillReadable } from "../../door/readers-text.js"
import { asJson, counted, outcomeLines, outcomePart, print, tell } from "../../door/render.js"
import { changeRequest, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const names = door.call.words.map((word) => meantSecret(place, word).full)
  const request = await changeRequest(door)
  const outcome = await removeSecrets({ ...request, names })
  const { removed, emptied } = outcome.result
  if (await asJson(door, { removed, emptied, ...outcomePart(outcome) })) return
  await print(door, removed.map(removalLine))
  tell(door, historyLine(removed), ...endLines(request.dryRun), ...outcomeLines(door, outcome))
  if (request.dryRun) return
  tell(
    door,
    ...emptied.map(
      (group) => `${group} has no secret any more. Next: agent-vault group remove ${group}`,
    ),
  )
}

function removalLine({ name, version }: RemovedSecret): string {
  return `- ${name}  (${counted(version, "value")})`
}

function historyLine(removed: readonly RemovedSecret[]): string {
  const could = removed.flatMap(({ readers, exposed = [] }) =>
    [...readers, ...exposed].map(({ agent }) => agent),
  )
  return stillReadable(removed.length === 1 ? "Its values stay" : "Their values stay", could)
}

function endLines(dryRun: boolean): string[] {
  return dryRun ? [] : ["To remove is not to rotate: end what still works at its source."]
}
