import { type Key, claimedId } from "../../../core/index.js"
import { bringBack, trustOf } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { choosePassphrase } from "../../keys/new-passphrase.js"
import { readingVault } from "../../door/reading.js"
import { asJson, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"
import { proofLines } from "./owner-key-verify.js"

const PASSPHRASE = {
  from: "new-passphrase-fd",
  nothing: "nothing was written: repeat the command",
}

/**
 * Writes the owner's key file anew, and says where it is and what it was proven to open. `shown` is
 * what the key came from. Returns whether that was told as JSON.
 */
export async function bringKeyBack(door: Door, key: Key, shown: string): Promise<boolean> {
  const place = placeOf(door)
  const { env, now } = door
  const passphrase = await choosePassphrase(door, PASSPHRASE)
  const back = await withPerson(door, (person) =>
    readingVault(door, place, trustOf(key, claimedId(place), env), (vault) =>
      bringBack(vault, { key, shown, passphrase, env, now, person }),
    ),
  )
  if (await asJson(door, { ...back, passphrase: passphrase !== undefined })) return true
  const { file, pinned, proof } = back
  tell(
    door,
    `The key of owner ${proof.owner} is back: ${file}`,
    ...proofLines(proof),
    ...(pinned === undefined ? [] : [`This machine trusts ${pinned} from now on.`]),
    "Next: agent-vault check --owner",
  )
  return false
}
