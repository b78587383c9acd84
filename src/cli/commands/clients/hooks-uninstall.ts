import { rmSync, rmdirSync } from "node:fs"
import { dirname } from "node:path"
import type { Place } from "../../../core/index.js"
import { type ClientConfig, writeConfig } from "../../clients/client-config.js"
import type { Door } from "../../door/door.js"
import { tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"
import { withKeyCommand } from "../../hooks/api-key.js"
import { codexConfig, codexKeyWords, withoutCodexKey } from "../../hooks/codex-key.js"
import { isBare, withoutHooks } from "../../hooks/hook-entries.js"
import { spotMeant } from "../../hooks/hook-spot.js"

export function run(door: Door): Promise<void> {
  uninstall(door)
  return Promise.resolve()
}

function uninstall(door: Door): void {
  const place = placeOf(door)
  const { client, config } = spotMeant(door, place)
  const text = withoutHooks(config, client)
  const isBareNow = (now: ClientConfig): boolean => isBare(now, client)
  takeOut(door, config, withKeyCommand({ ...config, text }, undefined), isBareNow)
  if (client.name === "codex") uninstallKey(door, place)
}

/** The key of Codex stands in a file for all projects: that of another vault stays. */
function uninstallKey(door: Door, place: Place): void {
  const config = codexConfig(door, place)
  const words = codexKeyWords(config)
  if (words === undefined || words.at(-1) !== dirname(place.root)) return
  takeOut(door, config, withoutCodexKey(config), ({ text }) => text === "")
}

function takeOut(
  door: Door,
  config: ClientConfig,
  edited: string,
  isBareNow: (config: ClientConfig) => boolean,
): void {
  const { file } = config.spot
  if (edited === config.text) {
    tell(door, `${file} has no hooks of agent-vault. Nothing changed.`)
    return
  }
  if (isBareNow({ ...config, text: edited })) {
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
