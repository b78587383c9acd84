import { claimedId } from "../../../core/index.js"
import {
  bringBack,
  claimedOwners,
  combineShares,
  refuseOwnerKeyHere,
  trustOf,
} from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"
import { backLines, passphraseForKey } from "./brought-back.js"
import { givenShares } from "./given-shares.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const id = claimedId(place)
  const { env, now } = door
  refuseOwnerKeyHere(id, env)
  const shares = await givenShares(door, id)
  const key = await combineShares(shares, claimedOwners(place))
  const passphrase = await passphraseForKey(door)
  const back = await withPerson(door, (person) =>
    readingVault(door, place, trustOf(key, id, env), (vault) =>
      bringBack(vault, { key, shown: "these shares", passphrase, env, now, person }),
    ),
  )
  if (await asJson(door, { ...back, passphrase: passphrase !== undefined })) return
  tell(door, ...backLines(back))
  tell(door, "The shares give this key still: whoever has seen enough of them together has it too.")
}
