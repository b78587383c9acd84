import { claimedId, findAnchor } from "../../../core/index.js"
import { join } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { asJson, print, tell } from "../../door/render.js"
import { passphraseOf, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [name = ""] = door.call.words
  const place = placeOf(door)
  const joined = await join(place, name, door.env, door.now, passphraseOf(door))
  if (await asJson(door, joined)) return
  const { agent, file, line, fingerprint, wasHere } = joined
  tell(
    door,
    `The key of ${agent} ${wasHere ? "is here already" : "is made, and stays here"}: ${file}`,
  )
  await print(door, [line])
  tell(
    door,
    "Give an owner this line, by any way: it holds no secret. They type:",
    `  agent-vault agent add ${agent} --join LINE`,
    `and compare this fingerprint with you, by another way: ${fingerprint}`,
  )
  if (findAnchor(claimedId(place), undefined, door.env) === undefined) {
    tell(door, "Nobody is trusted here yet. Compare the owner's fingerprint: agent-vault trust")
  }
}
