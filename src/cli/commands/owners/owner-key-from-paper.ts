import { VaultError, claimedId } from "../../../core/index.js"
import {
  bringBack,
  claimedOwners,
  keyOfPaper,
  refuseOwnerKeyHere,
  trustOf,
} from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"
import { askHidden } from "../../terminal/ask.js"
import { backLines, passphraseForKey } from "./brought-back.js"

/** `owner key --from-paper`: the key file, written again from words or a scanned code. */
export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const id = claimedId(place)
  const { env, now } = door
  refuseOwnerKeyHere(id, env)
  const key = await keyOfPaper(await asked(door), claimedOwners(place))
  const passphrase = await passphraseForKey(door)
  const back = await withPerson(door, (person) =>
    readingVault(door, place, trustOf(key, id, env), (vault) =>
      bringBack(vault, { key, shown: "these words", passphrase, env, now, person }),
    ),
  )
  if (await asJson(door, { ...back, passphrase: passphrase !== undefined })) return
  tell(door, ...backLines(back))
}

async function asked(door: Door): Promise<string> {
  const hint = "type this at a terminal; a key file is brought back with: agent-vault key add FILE"
  try {
    return await askHidden(door.terminal, "The 24 words, or the line of the QR code", hint)
  } catch (cause) {
    if (!VaultError.is(cause, "NO_TERMINAL")) throw cause
    throw new VaultError("NO_TERMINAL", "nobody can be asked for words: there is no terminal", {
      hint,
      cause,
    })
  }
}
