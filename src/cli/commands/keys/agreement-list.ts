import { claimedId } from "../../../core/index.js"
import { type Agreement, agreements } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { asJson, print, table, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"

const WHAT: Readonly<Record<Agreement["to"], string>> = {
  source: "fetch its value from another store",
  rotation: "run what rotates it",
}

export async function run(door: Door): Promise<void> {
  const vault = claimedId(placeOf(door))
  const agreed = agreements(vault, door.env)
  if (await asJson(door, { vault, agreements: agreed })) return
  if (agreed.length === 0) {
    tell(door, "Nobody on this machine agreed to a source of a value, or to a rotation.")
    return
  }
  const rows = agreed.map(({ secret, to, fingerprint }) => [secret ?? "?", WHAT[to], fingerprint])
  await print(door, table([["SECRET", "AGREED TO", "FINGERPRINT"], ...rows]))
}
