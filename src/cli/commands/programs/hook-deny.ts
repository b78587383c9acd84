import { realpathSync } from "node:fs"
import type { Door } from "../../door/door.js"
import { asJson, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"
import { deny } from "../../shell/allowances.js"

/** Takes back what shells were allowed to have of the vault here. */
export async function run(door: Door): Promise<void> {
  const root = realpathSync(placeOf(door).root)
  const isDenied = deny(door.env, root)
  if (await asJson(door, { root, denied: isDenied })) return
  tell(door, isDenied ? "Shells get no variables here any more." : "Nothing was allowed here.")
}
