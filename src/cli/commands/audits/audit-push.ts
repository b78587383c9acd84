import { publishAudit } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { asJson, committedPart, tell, unfinishedLines, unfinishedPart } from "../../door/render.js"
import { identityOf, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const key = await identityOf(door, place, "never")
  const published = await publishAudit({ place, key, env: door.env, now: door.now })
  const { head, commit } = published
  if (await asJson(door, { head, commit, ...unfinishedPart(published) })) return
  if (head === undefined) {
    tell(door, "Nothing is new: there is no line, or the last one is published.")
    return
  }
  tell(
    door,
    `${head.agent}: published up to line ${head.seq}, signed by ${head.signature.signer}, ${committedPart({ ...published, commit: commit ?? "" })}`,
    ...unfinishedLines(published),
  )
}
