import { claimedId } from "../../../core/index.js"
import { claimedOwners, combineShares, refuseOwnerKeyHere } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"
import { bringKeyBack } from "./brought-back.js"
import { givenShares } from "./given-shares.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const id = claimedId(place)
  refuseOwnerKeyHere(id, door.env)
  const shares = await givenShares(door, id)
  const key = await combineShares(shares, claimedOwners(place))
  if (await bringKeyBack(door, key, "these shares")) return
  tell(door, "The shares give this key still: whoever has seen enough of them together has it too.")
}
