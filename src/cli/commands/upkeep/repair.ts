import { repair } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { asJson, tell, unfinishedLines, unfinishedPart } from "../../door/render.js"
import { option, userPath } from "../../door/who.js"

const SAID = {
  nothing: "Nothing was left half done.",
  discarded: "An interrupted change had not happened: its traces are removed.",
  completed: "An interrupted change is complete now.",
}

export async function run(door: Door): Promise<number> {
  const repaired = await repair(userPath(door, option(door, "dir") ?? "."), door.env)
  const { change, restored, lost } = repaired
  const code = lost.length > 0 ? 1 : 0
  const document = { result: change, restored, lost, ...unfinishedPart(repaired) }
  if (await asJson(door, document)) return code
  if (change !== "nothing" || restored.length + lost.length === 0) tell(door, SAID[change])
  tell(door, ...restored.map((path) => `Git had lost ${path}: it has it again.`))
  tell(door, ...lost.flatMap(lostLines), ...unfinishedLines(repaired))
  return code
}

function lostLines(path: string): string[] {
  return [
    `Git has lost ${path}, and the work tree has no copy of what was committed.`,
    "  fetch it from a clone that has it, or an owner sets it anew",
  ]
}
