import { existsSync } from "node:fs"
import { platform } from "node:process"
import { type Place, VaultError } from "../../core/index.js"
import { type ClientConfig, readConfig } from "../clients/client-config.js"
import { fileSpot } from "../clients/client-files.js"
import { surroundingOf } from "../clients/mcp-program.js"
import type { Door } from "../door/door.js"
import { isSet, option } from "../door/who.js"
import { HOOK_CLIENTS } from "../parse/table/hook-clients.js"

type KnownClient = (typeof HOOK_CLIENTS)[number]

/** A client, and one of the files that its hooks may stand in. */
export interface HookSpot {
  readonly client: KnownClient
  readonly config: ClientConfig
}

/** The client and the file that a call means. Throws `USAGE`, and as reading the file does. */
export function spotMeant(door: Door, place: Place): HookSpot {
  if (platform === "win32") {
    throw new VaultError("USAGE", "hooks need a shell as POSIX has it, which Windows has not", {
      hint: "start the client blind instead, in WSL: agent-vault run --blind -g GROUP -- CLIENT",
    })
  }
  const named = option(door, "client")
  const client = HOOK_CLIENTS.find(({ name }) => name === named)
  if (client === undefined) {
    throw new VaultError("USAGE", `${door.call.command} needs to know the client`, {
      hint: `say which: ${HOOK_CLIENTS.map(({ name }) => `--client ${name}`).join(", ")}`,
    })
  }
  return spotOf(door, place, client, isSet(door, "global") ? 1 : 0)
}

/** All files of all clients that are there. */
export function spotsHere(door: Door, place: Place): HookSpot[] {
  return HOOK_CLIENTS.flatMap((client) =>
    ([0, 1] as const)
      .map((which) => spotOf(door, place, client, which))
      .filter(({ config }) => existsSync(config.spot.file)),
  )
}

function spotOf(door: Door, place: Place, client: KnownClient, which: 0 | 1): HookSpot {
  const spot = fileSpot(client.files[which], surroundingOf(door, place))
  return { client, config: readConfig(spot) }
}
