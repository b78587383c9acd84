import { type OwnerRemoved, removeOwner } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { asJson, counted, exposureLines, outcomePart, report } from "../../door/render.js"
import { changeRequest } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [owner = ""] = door.call.words
  const request = await changeRequest(door)
  const outcome = await withPerson(door, (person) => removeOwner({ ...request, person, owner }))
  const { result } = outcome
  if (await asJson(door, { ...result, ...outcomePart(outcome) })) return
  const lines = removedLines(result, request.dryRun)
  await report(door, outcome, ...lines, ...exposureLines(door, result.exposed))
}

function removedLines(removed: OwnerRemoved, dry: boolean): string[] {
  const { owner, groups, agents, anchor } = removed
  const delivery = dry
    ? []
    : [
        "  Deliver the new key of each, on its machine or to a file for it:",
        ...agents.map((agent) => `    agent-vault agent recover ${agent} --out FILE`),
      ]
  return [
    `${owner} ${dry ? "would no longer be" : "is no longer"} an owner of this vault.`,
    `  ${counted(groups.length, "group")} ${dry ? "would have" : groups.length === 1 ? "has" : "have"} a new key; what is set from now on is closed to ${owner}.`,
    ...(agents.length === 0
      ? []
      : [
          `  ${counted(agents.length, "agent")} whose key ${owner} could bring out of escrow ${dry ? "would have" : agents.length === 1 ? "has" : "have"} a new one: ${agents.join(", ")}`,
          ...delivery,
        ]),
    ...(anchor === undefined || dry
      ? []
      : [
          `  Whoever trusted ${owner} trusts ${anchor.owner} from now on, on each machine:`,
          `    agent-vault trust ${anchor.signer}`,
        ]),
  ]
}
