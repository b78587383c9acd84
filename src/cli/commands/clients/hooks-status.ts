import { dirname } from "node:path"
import type { Door } from "../../door/door.js"
import { asJson, print, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"
import { type Tried, tryHook } from "../../hooks/dry-run.js"
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

export async function run(door: Door): Promise<number> {
  const place = placeOf(door)
  const folder = dirname(place.root)
  const hooks = spotsHere(door, place).flatMap((spot) => statusOf(door, spot, folder))
  const code = hooks.every(({ works }) => works) ? 0 : 1
  if (await asJson(door, { hooks })) return code
  await print(door, hooks.flatMap(linesOf))
  if (hooks.length === 0) {
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

function linesOf({ client, file, events, tried, works }: HookStatus): string[] {
  return [
    `${works ? "ok  " : "BAD "} ${client}: ${events.join(", ")} in ${file}`,
    ...(tried.length === 0 ? ["     not tried: its line is not as hooks install writes it"] : []),
    ...tried.map(({ asked, isRight, answered }) => {
      return isRight
        ? `     right on ${asked}`
        : `     WRONG on ${asked}: ${answered === "" ? "no answer" : answered}`
    }),
  ]
}
