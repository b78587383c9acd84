import { claimedId } from "../../../core/index.js"
import { claimedOwners, keyOfPaper, refuseOwnerKeyHere } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { placeOf } from "../../door/who.js"
import { askHidden } from "../../terminal/ask.js"
import { bringKeyBack } from "./brought-back.js"

const WORDS = {
  question: "The 24 words, or the line of the QR code",
  what: "words",
  flag: "type this at a terminal; a key file is brought back with: agent-vault key add FILE",
}

/** `owner key --from-paper`: the key file, written again from words or a scanned code. */
export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  refuseOwnerKeyHere(claimedId(place), door.env)
  const typed = await askHidden(door.terminal, WORDS)
  await bringKeyBack(door, await keyOfPaper(typed, claimedOwners(place)), "these words")
}
