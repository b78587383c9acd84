import { agentKeyFile, claimedId } from "../../core/index.js"
import { removeAgent, setKeyFileAside } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { asJson, exposureLines, outcomeLine, planLines, print, tell } from "../door/render.js"
import { changeRequest } from "../door/who.js"

export async function run(door: Door): Promise<void> {
  const [agent = ""] = door.call.words
  const request = await changeRequest(door)
  const outcome = await removeAgent({ ...request, agent })
  const file = agentKeyFile(claimedId(request.place), agent, door.env)
  const aside = outcome.commit === undefined ? undefined : setKeyFileAside(file, door.now)
  const { plan, exposed } = outcome.result
  if (await asJson(door, { agent, plan, exposed, files: outcome.files, commit: outcome.commit })) {
    return
  }
  tell(
    door,
    `${agent} ${request.dryRun ? "would no longer be" : "is no longer"} an agent of this vault.`,
  )
  if (aside !== undefined) {
    tell(door, `Its key opens nothing from now on. It is now ${aside}`)
  }
  await print(door, [...planLines(plan), ...exposureLines(door, exposed)])
  tell(door, outcomeLine(door, outcome))
}
