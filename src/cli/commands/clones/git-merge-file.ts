import { mergeFile } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { userPath } from "../../door/who.js"

/** What git takes for a file in conflict. */
const IN_CONFLICT = 1

export async function run(door: Door): Promise<number> {
  const [base = "", ours = "", theirs = "", path = ""] = door.call.words
  const files = {
    base: userPath(door, base),
    ours: userPath(door, ours),
    theirs: userPath(door, theirs),
    path,
  }
  return (await mergeFile(files, door.cwd, door.env)) === "merged" ? 0 : IN_CONFLICT
}
