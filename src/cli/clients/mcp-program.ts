import { readFileSync, realpathSync } from "node:fs"
import { join } from "node:path"
import { argv, execPath, platform } from "node:process"
import {
  type Environment,
  type Place,
  VaultError,
  claimedId,
  localAgents,
  namesIn,
  meantOr,
  parseAgentName,
} from "../../core/index.js"
import type { Door } from "../door/door.js"
import { NAME, isOnPath } from "../door/own-program.js"
import { type Spot, type Surrounding, projectOf } from "./client-files.js"
import { isSet, option } from "../door/who.js"

/** A command and its first arguments. */
export interface Program {
  readonly command: string
  readonly args: readonly string[]
}

const DEPENDENCIES = ["dependencies", "devDependencies", "optionalDependencies"]

/** Codex hands a server few variables. These say where keys and state are, if that is not home. */
export const PASSED_ON: readonly string[] = [
  "AGENT_VAULT_HOME",
  "AGENT_VAULT_IDENTITY_FILE",
  "XDG_CONFIG_HOME",
  "XDG_STATE_HOME",
]

/** For a client that hands on hardly any: those of them that are set, which are paths. */
export function placesIn(env: Environment): Readonly<Record<string, string>> {
  const names = PASSED_ON.filter((name) => name !== "AGENT_VAULT_IDENTITY_FILE")
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name]
      return value ? [[name, value]] : []
    }),
  )
}

/** What decides where the files of clients are. */
export function surroundingOf(door: Door, place: Place): Surrounding {
  return { platform, env: door.env, project: projectOf(place) }
}

/**
 * How an entry starts this program. A file of the repository must work in every clone: through npx
 * where the repository depends on us (and only from there: npx would fetch whatever has the name),
 * by its name elsewhere. A file of the user's own must work for programs that do not have the PATH
 * of a shell: by where it is.
 */
export function programFor({ scope }: Spot, place: Place): Program {
  if (scope === "user") return { command: execPath, args: [realpathSync(argv[1] ?? "")] }
  if (dependsOnUs(projectOf(place))) return { command: "npx", args: ["--no-install", NAME] }
  return { command: NAME, args: [] }
}

/** What a person should know of how the program is named, if there is anything. */
export function programNotes({ command }: Program, env: Environment): string[] {
  if (command === NAME && !isOnPath(env)) {
    return [`${NAME} is not on your PATH, but the client will look for it there: install it first.`]
  }
  if (command !== execPath) return []
  return ["It names where Node and this program are now: write it again after you move either."]
}

/** Whether a command of a client's file is this program. */
export function isOurs(command: unknown, args: readonly unknown[]): boolean {
  const names = [command, ...args.slice(0, 3)].map((word) =>
    String(word)
      .replaceAll("\\", "/")
      .replace(/\.(cmd|exe)$/i, ""),
  )
  return names.some((word) => /(^|\/)(agent-vault|bin\.cjs)$/.test(word))
}

/**
 * The agent that the program shall act as: `--agent`, or the only one with a key here. Throws
 * `AGENT_NOT_FOUND`, `NO_IDENTITY`, `USAGE`.
 */
export function agentFor(door: Door, place: Place): { agent: string; hasKey: boolean } {
  const local = localAgents(claimedId(place), door.env)
  const named = option(door, "agent")
  if (named !== undefined) return { agent: known(place, named), hasKey: local.includes(named) }
  const [agent, ...others] = local
  if (agent === undefined) {
    throw new VaultError("NO_IDENTITY", "there is no agent's key on this machine", {
      hint: "an owner makes one: agent-vault agent add NAME; or name an agent of the vault: --agent NAME",
    })
  }
  if (others.length === 0) return { agent, hasKey: true }
  throw new VaultError("USAGE", `several agents have a key here: ${local.sort().join(", ")}`, {
    hint: `say which: --agent ${agent}`,
  })
}

/** The options of a server whose model may run programs; none if it may not. Throws `USAGE`. */
export function runOptions(door: Door): readonly string[] {
  const isolate = option(door, "isolate")
  const how = isolate === undefined ? [] : ["--isolate", isolate]
  if (isSet(door, "allow-run")) return ["--allow-run", ...how]
  if (isolate === undefined) return []
  throw new VaultError("USAGE", "--isolate is for the programs of run_command", {
    hint: "add --allow-run",
  })
}

/** What to do where the key of an agent is missing. */
export function missingKey(agent: string): string {
  return `The key of ${agent} is not on this machine: an owner brings it with agent-vault agent recover ${agent}`
}

function known(place: Place, name: string): string {
  const { agents } = namesIn(place)
  if (agents.includes(parseAgentName(name))) return name
  throw new VaultError("AGENT_NOT_FOUND", `there is no agent ${name} in this vault`, {
    hint: meantOr(name, agents, "agent-vault agent list"),
  })
}

function dependsOnUs(project: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(project, "package.json"), "utf8"))
    const tables = manifest as Readonly<Record<string, unknown>>
    return DEPENDENCIES.some((name) => Object.hasOwn(Object(tables[name]) as object, NAME))
  } catch {
    // Without a manifest, or with one that npm could not read either, there is no dependency.
    return false
  }
}
