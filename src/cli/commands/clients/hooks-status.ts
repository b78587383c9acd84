import { dirname } from "node:path"
import type { Place } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { asJson, print, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"
import { claudeKeyWords, keyCommandIn } from "../../hooks/api-key.js"
import { codexConfig, codexKeyWords } from "../../hooks/codex-key.js"
import { type Tried, tryHook, tryKey } from "../../hooks/dry-run.js"
import { hooksIn, momentsOf } from "../../hooks/hook-entries.js"
import { argumentsIn } from "../../hooks/hook-line.js"
import { type HookSpot, spotsHere } from "../../hooks/hook-spot.js"

/** What one file of a client says, and how its hook does. */
interface HookStatus {
  readonly client: string
  readonly file: string
  readonly scope: "project" | "user"
  /** The moments at which the hook is called. */
  readonly events: readonly string[]
  readonly tried: readonly Tried[]
  readonly works: boolean
}

/** What one file of a client says of the client's own key, and whether its command prints one. */
type KeyStatus = Pick<HookStatus, "client" | "file" | "scope" | "tried" | "works"> & {
  readonly secret: string
}

export async function run(door: Door): Promise<number> {
  const place = placeOf(door)
  const folder = dirname(place.root)
  const hooks = spotsHere(door, place).flatMap((spot) => statusOf(door, spot, folder))
  const keys = keysHere(door, place, folder)
  const code = [...hooks, ...keys].every(({ works }) => works) ? 0 : 1
  if (await asJson(door, { hooks, keys })) return code
  await print(door, [...hooks, ...keys].flatMap(linesOf))
  if (hooks.length + keys.length === 0) {
    tell(door, "No client here has the hooks: agent-vault hooks install --client CLIENT -g GROUP")
  }
  return code
}

function statusOf(door: Door, { client, config }: HookSpot, cwd: string): HookStatus[] {
  const found = hooksIn(config, client)
  const [first] = found
  if (first === undefined) return []
  const args = argumentsIn(first.command)
  const tried = args === undefined ? [] : tryHook(client, args, { cwd, env: door.env })
  const events = found.map(({ event }) => event)
  const works =
    tried.length > 0 &&
    tried.every(({ isRight }) => isRight) &&
    momentsOf(client).every((event) => events.includes(event))
  const { file, scope } = config.spot
  return [{ client: client.name, file, scope, events, tried, works }]
}

/** The clients whose own key is from a vault, each tried. */
function keysHere(door: Door, place: Place, cwd: string): KeyStatus[] {
  const ofClaude = spotsHere(door, place)
    .filter(({ client }) => client.name === "claude-code")
    .map(({ config }) => ({ client: "claude-code", config, words: claudeKeyWords(config) }))
  const config = codexConfig(door, place)
  const ofCodex = { client: "codex", config, words: codexKeyWords(config) }
  return [...ofClaude, ofCodex].flatMap(({ client, config: { spot }, words }) => {
    if (words === undefined) return []
    const command = keyCommandIn(words)
    const tried = command === undefined ? [] : [tryKey(command, { cwd, env: door.env })]
    const works = tried.some(({ isRight }) => isRight)
    const { file, scope } = spot
    return [{ client, file, scope, secret: command?.secret ?? "", tried, works }]
  })
}

function linesOf({ client, file, tried, works, ...own }: HookStatus | KeyStatus): string[] {
  const what = "events" in own ? own.events.join(", ") : `its own key, ${own.secret}`
  return [`${works ? "ok  " : "BAD "} ${client}: ${what} in ${file}`, ...triedLines(tried)]
}

function triedLines(tried: readonly Tried[]): string[] {
  if (tried.length === 0) return ["     not tried: its line is not as hooks install writes it"]
  return tried.map(({ asked, isRight, answered }) => {
    return isRight
      ? `     right on ${asked}`
      : `     WRONG on ${asked}: ${answered === "" ? "no answer" : answered}`
  })
}
