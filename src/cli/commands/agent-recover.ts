import { claimedId, withVault } from "../../core/index.js"
import { recoverAgent } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { deliverKey, deliveryLines, keyOutput } from "../door/key-output.js"
import { asJson, tell } from "../door/render.js"
import { identityOf, placeOf } from "../door/who.js"

export async function run(door: Door): Promise<void> {
  const [agent = ""] = door.call.words
  const place = placeOf(door)
  const owner = await identityOf(door, place, "always")
  const key = await withVault(place, owner.trust, door.env, (vault) =>
    recoverAgent(vault, agent, owner),
  )
  const output = keyOutput(door, claimedId(place), agent)
  await deliverKey(door, key, output)
  const { recipient } = key
  if (output.to !== "stdout" && (await asJson(door, { agent, recipient, keyFile: output.file }))) {
    return
  }
  tell(
    door,
    `The original key of ${agent} is out of its escrow; nothing changed in the repository.`,
  )
  tell(door, ...deliveryLines(agent, output))
  tell(
    door,
    `If somebody else may have the lost key: agent-vault agent rekey ${agent}, and rotate what it could read.`,
  )
}
