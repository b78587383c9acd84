import { VaultError } from "../../../core/index.js"
import { type AddCanariesRequest, addCanaries } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { asJson, outcomePart, planLines, report, tell } from "../../door/render.js"
import { changeRequest, option } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const whose = whoseOf(door)
  const service = option(door, "service")
  const request = await changeRequest(door)
  const outcome = await withPerson(door, (person) =>
    addCanaries({ ...request, person, whose, service }),
  )
  const { canaries, plan } = outcome.result
  if (await asJson(door, { canaries, plan, ...outcomePart(outcome) })) return
  const made = canaries.map(
    ({ secret, agent }) =>
      `${secret} ${request.dryRun ? "would be" : "is"} a canary: ${agent} alone opens it, besides the owners.`,
  )
  await report(door, outcome, ...planLines(plan), ...made)
  if (!request.dryRun) {
    tell(
      door,
      "Who sees it in a log, a paste or a request knows who leaked it: agent-vault canary check FILE; agent-vault audit --canaries",
    )
  }
}

function whoseOf(door: Door): AddCanariesRequest["whose"] {
  const [agent] = door.call.words
  const group = option(door, "group")
  if (agent !== undefined && group === undefined) return { agent }
  if (agent === undefined && group !== undefined) return { group }
  throw new VaultError("USAGE", "canary add takes an agent, or --group for all that open a group", {
    hint: "for example: agent-vault canary add AGENT",
  })
}
