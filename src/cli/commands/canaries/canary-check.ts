import { createReadStream, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { VaultError } from "../../../core/index.js"
import type { Canaries, Canary, CanaryState } from "../../../core/owner.js"
import { canariesOf } from "../../door/canaries-here.js"
import type { Door } from "../../door/door.js"
import { asJson, counted, print, table, tell } from "../../door/render.js"
import { placeOf, userPath } from "../../door/who.js"

/** A canary in one text. */
interface FoundCanary extends Canary {
  /** As it was named, and the way from there; `-` is stdin. */
  readonly file: string
  /** The first line that has it. */
  readonly line: number
  readonly times: number
}

const HEAD = ["WHERE", "TIMES", "CANARY", "MADE FOR"]

export async function run(door: Door): Promise<number> {
  const files = door.call.words.flatMap((word) => (word === "-" ? ["-"] : filesAt(door, word)))
  const canaries = await canariesOf(door, placeOf(door))
  const found: FoundCanary[] = []
  for (const file of files) {
    for (const each of await foundIn(door, file, canaries)) found.push(each)
  }
  const code = found.length === 0 ? 0 : 1
  const searched = { files: files.length, canaries: canaries.all.length }
  if (await asJson(door, { found, searched, exitCode: code })) return code
  if (found.length > 0) await print(door, table([HEAD, ...found.map(row)]))
  tell(door, ...conclusion(found, canaries, files.length))
  return code
}

function row({ file, line, times, secret, agent }: FoundCanary): string[] {
  return [`${file}:${line}`, String(times), secret, agent]
}

function conclusion(
  found: readonly FoundCanary[],
  { all }: Canaries,
  files: number,
): readonly string[] {
  if (all.length === 0) {
    return ["There is no canary to look for. Next: agent-vault canary add AGENT"]
  }
  if (found.length === 0) {
    return [`None of ${counted(all.length, "canary value")} is in ${counted(files, "file")}.`]
  }
  const secrets = new Set(found.map(({ secret }) => secret))
  return all
    .filter(({ secret }) => secrets.has(secret))
    .map((canary) => `${who(canary)} Next: agent-vault blast ${canary.agent}`)
}

function who({ secret, agent, openedBy }: CanaryState): string {
  const others = openedBy.filter((name) => name !== agent)
  const besides = others.length === 0 ? "" : ` ${others.join(", ")} can open it now as well.`
  return `${secret} was made for ${agent}: it, its key or its machine leaked it.${besides}`
}

/** The files that a word means: all below a folder; links in it are not followed. Throws `USAGE`. */
function filesAt(door: Door, word: string): string[] {
  const path = userPath(door, word)
  return attempt(word, () => {
    if (!statSync(path).isDirectory()) return [word]
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(word, entry.parentPath.slice(path.length), entry.name))
      .toSorted()
  })
}

function attempt<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

function unreadable(file: string, cause: unknown): VaultError {
  return new VaultError("USAGE", `${file} cannot be read`, {
    hint: "give files, folders, or - for stdin; what was not read was not searched",
    cause,
  })
}

async function foundIn(door: Door, file: string, canaries: Canaries): Promise<FoundCanary[]> {
  const search = canaries.search()
  const found = new Map<string, FoundCanary>()
  const note = (sightings: ReturnType<typeof search.next>): void => {
    for (const { canary, line } of sightings) {
      const key = `${canary.secret}@${canary.placed}`
      const before = found.get(key) ?? { ...canary, file, line, times: 0 }
      found.set(key, { ...before, times: before.times + 1 })
    }
  }
  const stream = file === "-" ? door.terminal.stdin : createReadStream(userPath(door, file))
  try {
    for await (const chunk of stream) note(search.next(chunk as Uint8Array))
  } catch (cause) {
    throw unreadable(file, cause)
  }
  note(search.next())
  return [...found.values()]
}
