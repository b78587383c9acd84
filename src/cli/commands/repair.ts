import { repair } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { asJson, tell } from "../door/render.js"
import { option, userPath } from "../door/who.js"

const SAID = {
  nothing: "Nothing was left half done.",
  discarded: "An interrupted change had not happened: its traces are removed.",
  completed: "An interrupted change is complete now.",
}

export async function run(door: Door): Promise<void> {
  const result = await repair(userPath(door, option(door, "dir") ?? "."), door.env)
  if (await asJson(door, { result })) return
  tell(door, SAID[result])
}
