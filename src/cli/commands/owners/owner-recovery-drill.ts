import { claimedId } from "../../../core/index.js"
import { claimedOwners, combineShares, proveOwnerKey, trustOf } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, print, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"
import { givenShares } from "./given-shares.js"
import { proofLines } from "./owner-key-verify.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const id = claimedId(place)
  const shares = await givenShares(door, id)
  const key = await combineShares(shares, claimedOwners(place))
  const proof = await readingVault(door, place, trustOf(key, id, door.env), (vault) =>
    proveOwnerKey(vault, key, "these shares"),
  )
  const holders = shares.map(({ holder }) => holder)
  const { set, threshold } = shares[0] ?? { set: "", threshold: 0 }
  if (await asJson(door, { set, threshold, holders, ...proof })) return
  const any = holders.length > threshold ? `, any ${threshold} of them,` : ""
  await print(door, [
    `The shares of ${holders.join(", ")}${any} open this vault (set ${set}):`,
    ...proofLines(proof),
  ])
  tell(door, "Nothing was written.")
}
