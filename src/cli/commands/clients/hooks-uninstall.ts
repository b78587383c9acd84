import { rmSync, rmdirSync } from "node:fs"
import { dirname } from "node:path"
import { writeConfig } from "../../clients/client-config.js"
import type { Door } from "../../door/door.js"
import { tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"
import { withKeyCommand } from "../../hooks/api-key.js"
import { isBare, withoutHooks } from "../../hooks/hook-entries.js"
import { spotMeant } from "../../hooks/hook-spot.js"

export function run(door: Door): Promise<void> {
  uninstall(door)
  return Promise.resolve()
}

function uninstall(door: Door): void {
  const { client, config } = spotMeant(door, placeOf(door))
  const { file } = config.spot
  const text = withoutHooks(config, client)
  const edited = withKeyCommand({ ...config, text }, undefined)
  if (edited === config.text) {
    tell(door, `${file} has no hooks of agent-vault. Nothing changed.`)
    return
  }
  if (isBare({ ...config, text: edited }, client)) {
    remove(file)
    tell(door, `Removed ${file}, which held nothing else`)
    return
  }
  writeConfig(config, edited)
  tell(door, `Taken out of ${file}`)
}

/** With its folder, if that was made for it. */
function remove(file: string): void {
  rmSync(file)
  try {
    rmdirSync(dirname(file))
  } catch {
    // The client keeps more in it.
  }
}
