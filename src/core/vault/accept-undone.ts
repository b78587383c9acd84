import type { Environment } from "../disk/homes.js"
import type { Place } from "../disk/place.js"
import type { Undone } from "../undone/settle.js"
import { classify } from "../words/layout.js"
import type { OnNote } from "../words/note.js"
import { reachText } from "../records/reach.js"

/** Records named in one line. */
const NAMED = 3

/**
 * Lets go of what was seen of records where that was undone in this clone and never left it, and
 * says so in one line. False if nothing was. This alone runs Git for a reader, and only where one
 * is about to be refused.
 */
export async function acceptUndone(
  vault: string,
  place: Place,
  env: Environment,
  onNote: OnNote | undefined,
): Promise<boolean> {
  const { settleUndone } = await import("../undone/settle.js")
  const { undone } = await settleUndone(vault, place, env)
  if (undone.length > 0) onNote?.(noteOf(undone))
  return undone.length > 0
}

function noteOf(undone: readonly Undone[]): string {
  const each = undone.slice(0, NAMED).map(({ path, now }) => `${path} (${reachText(now)})`)
  const more = undone.length > NAMED ? ` and ${undone.length - NAMED} more` : ""
  const records = `${each.join(", ")}${more}`
  const groups = undone.flatMap(({ path, now, undone: was }) => {
    const file = classify(path)
    return file.is === "group" && now.epoch < was.epoch ? [file.group] : []
  })
  const access =
    groups.length === 0
      ? ""
      : `; ${groups.join(", ")} has an earlier key again, so a revoke that was undone took nobody's access`
  return `accepted as undone here, and never published: back at ${records}${access}`
}
