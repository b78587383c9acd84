import { dirname } from "node:path"
import { type Place, isObject } from "../../core/index.js"
import type { ServerEntry } from "./client-config.js"
import { type Spot, folderFor } from "./client-files.js"
import { argumentsOf } from "./mcp-entry.js"
import { PASSED_ON, type Program, isOurs } from "./mcp-program.js"
import type { Stored } from "./mcp-secrets.js"

/** How a server is to be started from now on. */
export interface Wrapping {
  readonly program: Program
  readonly agent: string
  readonly place: Place
  readonly spot: Spot
  readonly stored: readonly Stored[]
}

/** Whether a server is started through `agent-vault run` already. */
export function isWrapped(entry: ServerEntry): boolean {
  const args = argumentsOf(entry)
  const own = args.slice(0, Math.max(args.indexOf("--"), 0))
  return isOurs(entry["command"], own) && own.includes("run")
}

/** The agent that a wrapped server runs as. */
export function wrappedAgent(entry: ServerEntry): string | undefined {
  if (!isWrapped(entry)) return undefined
  const args = argumentsOf(entry)
  const at = args.indexOf("--agent")
  const agent = at === -1 || at > args.indexOf("--") ? undefined : args[at + 1]
  return typeof agent === "string" ? agent : undefined
}

/** The entry without the literals that are stored, and with `agent-vault run` before its command. */
export function wrap(entry: ServerEntry, wrapping: Wrapping): ServerEntry {
  const { spot, stored } = wrapping
  const secrets = stored.flatMap(({ secret, variable }) => ["-s", `${secret}=${variable}`])
  const { env: _env, ...rest } = entry
  const env = withoutStored(entry, stored)
  const passedOn = spot.client?.environment === "env_vars" ? passedOnIn(entry) : {}
  const started = isWrapped(entry) ? extended(entry, secrets) : begun(entry, secrets, wrapping)
  const isBare = Object.keys(env).length === 0
  return { ...(isBare ? rest : { ...entry, env }), ...started, ...passedOn }
}

function withoutStored(entry: ServerEntry, stored: readonly Stored[]): ServerEntry {
  const taken = new Set(stored.map(({ variable }) => variable))
  const env = isObject(entry["env"]) ? entry["env"] : {}
  return Object.fromEntries(Object.entries(env).filter(([variable]) => !taken.has(variable)))
}

function begun(entry: ServerEntry, secrets: readonly string[], wrapping: Wrapping): ServerEntry {
  const { program, agent } = wrapping
  const own = ["run", "--agent", agent, "--dir", folderOf(entry, wrapping), ...secrets]
  const its = [entry["command"], ...argumentsOf(entry)]
  return { command: program.command, args: [...program.args, ...own, "--", ...its] }
}

function extended(entry: ServerEntry, secrets: readonly string[]): ServerEntry {
  const args = argumentsOf(entry)
  const end = args.indexOf("--")
  return { args: [...args.slice(0, end), ...secrets, ...args.slice(end)] }
}

/** From a folder of its own, a server would look for the vault below that. */
function folderOf({ cwd }: ServerEntry, { spot, place }: Wrapping): string {
  const folder = folderFor(spot, place)
  const isRelative = spot.client?.projectFolderFollowsCwd === true
  return cwd !== undefined && isRelative ? dirname(place.root) : folder
}

function passedOnIn(entry: ServerEntry): ServerEntry {
  const given = entry["env_vars"]
  const names = Array.isArray(given) ? given.map(String) : []
  return { env_vars: [...new Set([...names, ...PASSED_ON])] }
}
