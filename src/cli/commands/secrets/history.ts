import { type SecretEvent, secretHistory, vaultInGit } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { meantSecret } from "../../door/meant-secret.js"
import { readingKeyless } from "../../door/reading.js"
import { asJson, print, table } from "../../door/render.js"
import { placeOf } from "../../door/who.js"
import { progress } from "../../terminal/progress-line.js"

export async function run(door: Door): Promise<void> {
  const [word = ""] = door.call.words
  const place = placeOf(door)
  const { full } = meantSecret(place, word)
  const events = await readingKeyless(door, place, async (vault) =>
    secretHistory(await vaultInGit(vault, place, door.env), full, progress(door.terminal)),
  )
  if (await asJson(door, { name: full, events })) return
  const rows = events.map((event) => [
    event.at,
    event.version === undefined ? "" : String(event.version),
    whatIs(event),
    event.owner ?? "",
    event.author,
    event.commit.slice(0, 10),
  ])
  await print(
    door,
    table([["AT", "VERSION", "WHAT", "SIGNED BY", "AUTHOR IN GIT", "COMMIT"], ...rows]),
  )
}

function whatIs({ is, from, fields }: SecretEvent): string {
  const what = {
    set: "a new value",
    described: "",
    "sealed anew": "sealed to another key",
    moved: `moved from ${from ?? ""}`,
    removed: "removed",
    unsigned: "not signed by an owner",
    "from before": "from before: the history here begins with it",
  }
  return [what[is], fields.join(", ")].filter(Boolean).join("; ")
}
