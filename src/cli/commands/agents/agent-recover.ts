import { agentKeyFile, claimedId } from "../../../core/index.js"
import { recoverAgent, setOtherKeyAside } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { deliverKey, deliveryLines, keyOutput } from "../../keys/key-output.js"
import { readingVault } from "../../door/reading.js"
import { asJson, tell } from "../../door/render.js"
import { identityOf, option, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [agent = ""] = door.call.words
  const place = placeOf(door)
  const owner = await identityOf(door, place, "always")
  const key = await withPerson(door, (person) =>
    readingVault(door, place, owner.trust, (vault) => recoverAgent(vault, agent, owner, person)),
  )
  const vault = claimedId(place)
  const isHere = option(door, "out") === undefined
  const file = agentKeyFile(vault, agent, door.env)
  const aside = isHere ? await setOtherKeyAside(file, key.recipient, door.now) : undefined
  const output = keyOutput(door, vault, agent)
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
  if (aside !== undefined) tell(door, `  An older key that was there is now ${aside}`)
  tell(
    door,
    `If somebody else may have the lost key: agent-vault agent rekey ${agent}, and rotate what it could read.`,
  )
}
