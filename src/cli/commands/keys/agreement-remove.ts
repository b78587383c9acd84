import { claimedId } from "../../../core/index.js"
import { agreements, takeBack } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { meantSecret } from "../../door/meant-secret.js"
import { asJson, counted, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [word = ""] = door.call.words
  const place = placeOf(door)
  const vault = claimedId(place)
  const all = agreements(vault, door.env)
  const one = all.filter(({ fingerprint }) => fingerprint === word)
  const full = one.length > 0 ? word : meantSecret(place, word).full
  const removed = one.length > 0 ? one : all.filter(({ secret }) => secret === full)
  for (const agreement of removed) takeBack(vault, agreement, door.env)
  if (await asJson(door, { removed })) return
  if (removed.length === 0) {
    tell(door, `Nobody on this machine agreed to anything for ${full}.`)
    tell(door, "See what was agreed to: agent-vault agreement list")
    return
  }
  tell(door, `${counted(removed.length, "agreement")} of ${full} taken back on this machine.`)
}
