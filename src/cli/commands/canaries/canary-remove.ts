import { removeCanaries } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { asJson, outcomePart, report } from "../../door/render.js"
import { changeRequest } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const request = await changeRequest(door)
  const outcome = await withPerson(door, (person) =>
    removeCanaries({ ...request, person, names: door.call.words }),
  )
  const { removed, groups } = outcome.result
  if (await asJson(door, { removed, groups, ...outcomePart(outcome) })) return
  const lines = removed.map(({ secret, agent }) => `- ${secret}  (the canary of ${agent})`)
  const gone = groups.map((group) => `- ${group}  (its group)`)
  const kept = "What leaked before is still recognised: agent-vault canary check FILE"
  await report(door, outcome, ...lines, ...gone, ...(request.dryRun ? [] : [kept]))
}
