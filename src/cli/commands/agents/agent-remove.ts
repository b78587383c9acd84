import { VaultError, agentKeyFile, claimedId } from "../../../core/index.js"
import { removeAgent, setKeyFileAside } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { exposureLines } from "../../door/exposure-lines.js"
import { asJson, outcomePart, planLines, report } from "../../door/render.js"
import { changeRequest } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [agent = ""] = door.call.words
  const request = await changeRequest(door)
  const outcome = await removeAgent({ ...request, agent })
  const file = agentKeyFile(claimedId(request.place), agent, door.env)
  const aside = outcome.commit === undefined ? undefined : setAside(door, file)
  const { plan, exposed } = outcome.result
  if (await asJson(door, { agent, plan, exposed, ...outcomePart(outcome) })) {
    return
  }
  const lines = [
    `${agent} ${request.dryRun ? "would no longer be" : "is no longer"} an agent of this vault.`,
    ...(aside === undefined ? [] : [`Its key opens nothing from now on. ${aside}`]),
  ]
  await report(
    door,
    outcome,
    ...lines,
    ...planLines(plan),
    ...exposureLines(door, exposed, { agent }),
  )
}

/** Says where the key file is now; the agent is removed, wherever it is. */
function setAside(door: Door, file: string): string | undefined {
  try {
    const aside = setKeyFileAside(file, door.now)
    return aside === undefined ? undefined : `It is now ${aside}`
  } catch (error) {
    if (!VaultError.is(error)) throw error
    return `It is still ${file}: ${error.message}`
  }
}
