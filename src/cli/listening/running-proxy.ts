import { readdirSync } from "node:fs"
import { join } from "node:path"
import { VaultError, claimedId, isErrno, parseAgentName, stateHome } from "../../core/index.js"
import type { Door, ProxyDoor } from "../door/door.js"
import { placeOf } from "../door/who.js"

const END = ".sock"
/** Digits of a vault's id that tell it from others of one user; a socket's path is short. */
const ID_DIGITS = 12

/** The control socket of an agent's proxy: one runs at a time. */
export function controlSocket(door: Door, agent: string): string {
  return join(proxiesFolder(door), `${prefixOf(door)}${parseAgentName(agent)}${END}`)
}

/** The agent whose proxy a call means. Throws `PROXY_NOT_RUNNING`, `USAGE` if several run. */
export async function agentOfProxy(
  door: Door,
  proxy: ProxyDoor,
  chosen: string | undefined,
): Promise<string> {
  if (chosen !== undefined) return chosen
  const all = controlled(door)
  const served = await Promise.all(all.map((each) => proxy.isServed(controlSocket(door, each))))
  const [agent, ...others] = all.filter((_, at) => served[at])
  if (agent === undefined) throw noProxy()
  if (others.length === 0) return agent
  throw new VaultError("USAGE", `the proxies of ${[agent, ...others].join(", ")} run here`, {
    hint: `choose one: agent-vault proxy env --agent ${agent}`,
  })
}

/** Nothing serves. */
function noProxy(): VaultError {
  return new VaultError("PROXY_NOT_RUNNING", "no proxy runs for this vault", {
    hint: "start it in another terminal: agent-vault proxy --agent AGENT -g GROUP",
  })
}

/** The agents whose proxies run, or were killed. */
function controlled(door: Door): readonly string[] {
  const prefix = prefixOf(door)
  try {
    return readdirSync(proxiesFolder(door))
      .filter((name) => name.startsWith(prefix) && name.endsWith(END))
      .map((name) => name.slice(prefix.length, -END.length))
  } catch (error) {
    if (isErrno(error, "ENOENT")) return []
    throw error
  }
}

/** Where the control sockets of all proxies of this user are. */
export function proxiesFolder({ env }: Pick<Door, "env">): string {
  return join(stateHome(env), "proxies")
}

function prefixOf(door: Door): string {
  return `${claimedId(placeOf(door)).slice(0, ID_DIGITS)}-`
}
