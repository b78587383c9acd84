import { claimedId } from "../../../core/index.js"
import { addKey, holderName, keyFileBytes, keyIn, refuseOtherVault } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, tell } from "../../door/render.js"
import { passphraseOf, placeOf, userPath } from "../../door/who.js"
import { readAll } from "../../terminal/input.js"

export async function run(door: Door): Promise<void> {
  const [word = ""] = door.call.words
  const place = placeOf(door)
  const shown = word === "-" ? "what came on stdin" : userPath(door, word)
  const content = word === "-" ? await readAll(door.terminal) : keyFileBytes(shown)
  const key = await keyIn(content, shown, passphraseOf(door))
  // Before the vault is verified by what the file says: it would trust another vault's owner.
  refuseOtherVault(key, claimedId(place), shown)
  const { env, now } = door
  const added = await withPerson(door, (person) =>
    readingVault(door, place, key.trust, (vault) =>
      addKey(vault, { content, key, shown, env, now, person }),
    ),
  )
  if (await asJson(door, added)) return
  const who = holderName(added)
  tell(door, `The key of ${who} is ${added.wasHere ? "here already" : "here now"}: ${added.file}`)
  if (added.aside !== undefined) tell(door, `  An earlier key that was there is now ${added.aside}`)
  if (added.pinned !== undefined) {
    tell(door, `This machine trusts ${added.pinned}, the owner whom the key file names.`)
  }
  if (word !== "-" && shown !== added.file) tell(door, `${shown} is still there: remove it.`)
  const next =
    added.role === "agent" ? `get GROUP/NAME --agent ${added.name ?? ""}` : "check --owner"
  tell(door, `Next: agent-vault ${next}`)
}
