import { agentKeyFile, claimedId } from "../../../core/index.js"
import { joinFingerprint, rekeyAgent } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { type KeyOutput, deliveryLines, keyOutput } from "../../keys/key-output.js"
import { exposureLines } from "../../door/exposure-lines.js"
import { asJson, planLines, report, tell } from "../../door/render.js"
import { usedBy, usedLines } from "../../door/used-lines.js"
import { changeRequest, isSet, option } from "../../door/who.js"
import { isCompared } from "../../keys/compared-keys.js"
import { NO_ESCROW, handOver, publicPart, recipientElsewhere } from "./agent-add.js"

export async function run(door: Door): Promise<void> {
  const [agent = ""] = door.call.words
  const request = await changeRequest(door)
  const recipient = recipientElsewhere(door, request.place, agent)
  const vault = claimedId(request.place)
  const output = recipient === undefined ? rekeyOutput(door, vault, agent) : undefined
  if (recipient !== undefined && !(await isMeant(door, agent, recipient))) {
    tell(door, "Nothing was changed.")
    return
  }
  const outcome = await withPerson(door, (person) =>
    rekeyAgent({ ...request, person, agent, recipient }),
  )
  const replaced = output?.to === "home" ? output.file : undefined
  const aside = await handOver(door, outcome, output, replaced)
  const used = usedBy(door, request.place, agent, "all")
  const document = { used, ...publicPart(outcome, output) }
  if (output?.to !== "stdout" && (await asJson(door, document))) return
  const { plan, exposed, replaced: key } = outcome.result
  const lines = [
    `${agent} ${request.dryRun ? "would have" : "has"} a new key; the old one opens nothing written from now on.`,
    ...(output !== undefined && !request.dryRun ? deliveryLines(agent, output) : []),
    ...(recipient === undefined ? [] : [NO_ESCROW]),
    ...(aside === undefined ? [] : [`  The old key is now ${aside}`]),
    ...usedLines(agent, used),
  ]
  await report(
    door,
    outcome,
    ...lines,
    ...planLines(plan),
    ...exposureLines(door, exposed, { agent, key }),
  )
}

/** The new key opens at once what the old one did: so whose it is, is compared before. */
async function isMeant(door: Door, agent: string, recipient: string): Promise<boolean> {
  if (option(door, "join") === undefined || isSet(door, "dry-run")) return true
  return isCompared(door, agent, joinFingerprint(recipient), "as whoever runs the agent")
}

/** On this machine the new key takes the place of the old one, which is renamed. */
function rekeyOutput(door: Door, vault: string, agent: string): KeyOutput {
  if (option(door, "out") !== undefined) return keyOutput(door, vault, agent)
  return { to: "home", file: agentKeyFile(vault, agent, door.env) }
}
