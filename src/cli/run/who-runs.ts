import { basename } from "node:path"
import {
  type Identity,
  type Place,
  VaultError,
  claimedId,
  localAgents,
  shellWord,
} from "../../core/index.js"
import type { Door } from "../door/door.js"
import { identityIfSet } from "../door/who.js"
import { quickSpec } from "../parse/quick.js"

/** Of a command, in what is said of it. */
const SHOWN = 60

/** The agent that a program is run as. Throws `NO_IDENTITY`, with the line to type. */
export async function agentAt(door: Door, place: Place): Promise<Identity> {
  const key = await identityIfSet(door, place)
  if (key === undefined) throw nobody(door, place)
  return key
}

/** For the audit: a whole line in place of a program could hold a value. */
export function programName(command: string): string {
  return command.includes("/") && !command.includes("=") ? basename(command) : shownCommand(command)
}

/** A whole line in place of a program, or `NAME=VALUE` in front of it, could hold a value. */
export function shownCommand(command: string): string {
  const [, first = ""] = /^([^\s=]*)/.exec(command) ?? []
  const short = first.slice(0, SHOWN)
  return short.length === command.length ? short : `${short}…`
}

/** Nothing says which agent: the keys that are here, and the line to type. */
function nobody(door: Door, place: Place): VaultError {
  const agents = localAgents(claimedId(place), door.env)
  const [agent] = agents
  if (agent === undefined) {
    return new VaultError(
      "NO_IDENTITY",
      "nothing says which agent this is, and no agent's key is on this machine",
      { hint: "give an agent's key file: --identity FILE, or AGENT_VAULT_IDENTITY_FILE" },
    )
  }
  const here = agents.length === 1 ? `the key of ${agent} is` : `the keys of ${list(agents)} are`
  return new VaultError("NO_IDENTITY", `nothing says which agent this is; ${here} here`, {
    hint: lineWith(agent, door),
  })
}

/** Two words or more. */
function list(words: readonly string[]): string {
  return [words.slice(0, -1).join(", "), words.at(-1)].join(" and ")
}

/** The call as it was typed, with an agent, without the program's own arguments. */
function lineWith(agent: string, { call }: Door): string {
  const given = Object.entries(call.options).flatMap(([name, value]) => {
    const flag = flagOf(name)
    return value === true ? [flag] : [value].flat().flatMap((each) => [flag, shellWord(each)])
  })
  const line = ["agent-vault", call.command, "--agent", shellWord(agent), ...given]
  if (call.command !== "run") return line.join(" ")
  const [command = "", ...args] = call.words
  const program = `${shellWord(shownCommand(command))}${args.length > 0 ? " …" : ""}`
  return [...line, "--", program].join(" ")
}

function flagOf(name: string): string {
  const short = quickSpec("run")?.options[name]?.short
  return short === undefined ? `--${name}` : `-${short}`
}
