import { parseTime } from "../../../core/index.js"
import { type ReadableValue, vaultInGit, whoCouldRead } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { meantSecret } from "../../door/meant-secret.js"
import { gapLines, hasGaps } from "../../door/past-gaps.js"
import { readingKeyless } from "../../door/reading.js"
import { asJson, print, table, tell } from "../../door/render.js"
import { option, placeOf } from "../../door/who.js"
import { progress } from "../../terminal/progress-line.js"

const HEAD = ["VERSION", "SET", "ENDED", "WHO", "COULD OPEN IT SINCE", "STANDING"]

export async function run(door: Door): Promise<number> {
  const [word = ""] = door.call.words
  const place = placeOf(door)
  const { full } = meantSecret(place, word)
  const date = option(door, "at")
  const at = date === undefined ? undefined : parseTime(date)
  const onProgress = progress(door.terminal)
  const answer = await readingKeyless(door, place, async (vault) =>
    whoCouldRead(await vaultInGit(vault, place, door.env), full, door.now, { at, onProgress }),
  )
  const code = hasGaps(answer) ? 1 : 0
  const { movedTo, isThere, values } = answer
  if (await asJson(door, { at, ...answer, exitCode: code })) return code
  if (values.length > 0) await print(door, table([HEAD, ...values.flatMap(rows)]))
  else tell(door, `${full} had no value${at === undefined ? " that verifies" : ` by ${at}`}.`)
  tell(door, ...storeLines(values))
  if (movedTo !== undefined) {
    tell(door, `${full} was moved and is ${movedTo} now.`)
  } else if (!isThere) {
    tell(door, `${full} was removed. Its values stay in Git's history.`)
  }
  tell(door, ...gapLines(answer))
  return code
}

function storeLines(values: readonly ReadableValue[]): string[] {
  return values.flatMap(({ version, store }) =>
    store === undefined
      ? []
      : [
          `Version ${version} lies in ${store}: what they could open is where that is. Who read it there, its own log may tell.`,
        ],
  )
}

function rows({ version, set, ended = "", readers }: ReadableValue): string[][] {
  const value = [String(version), set, ended]
  if (readers.length === 0) return [[...value, "nobody that is known", "", ""]]
  return readers.map((reader) => {
    const { who, name, recipient, from } = reader
    const others = readers.filter((each) => each.who === who && each.name === name)
    // One name, several keys: enough of each to tell it from another.
    const which = others.length > 1 && recipient ? ` ${recipient.slice(0, 12)}…` : ""
    const shown = who === "owner" ? `${name} (owner)${which}` : `${name}${which}`
    return [...value, shown, from, standingText(reader)]
  })
}

function standingText({ standing, until, lost }: ReadableValue["readers"][number]): string {
  if (standing === "reads") return until === undefined ? "reads it" : `reads it until ${until}`
  if (standing === "ended") return `grant ended ${until ?? ""}; the key still opens it`
  return lost === undefined ? "opens it in Git's history" : `lost it ${lost}; keeps what it had`
}
