import type { Server } from "node:net"
import {
  type VaultError,
  asVaultError,
  keyHome,
  loadServices,
  stateHome,
} from "../../core/index.js"
import type { BlindRun, Door } from "../door/door.js"
import { isSet, option, userPath } from "../door/who.js"
import { questionsByPage } from "./ask-person.js"
import { childEnvironment } from "./program-environment.js"
import { runProgram } from "./program.js"
import type { ProgramVariable } from "./selection.js"
import { type Brokered, choice, brokeredOf, strictnessOf, tellServed } from "./brokered.js"
import { programName } from "./who-runs.js"

/**
 * Runs a program that gets placeholders, and a broker that puts the values into what it sends.
 * Returns its exit code.
 */
export async function runBlind(door: Door): Promise<number> {
  const [command = "", ...args] = door.call.words
  const serving = await brokeredOf(door, programName(command))
  const { key, assignments } = serving
  const blind = await prepare(door, serving)
  try {
    const given = await variablesOf(assignments, blind)
    const who = key.agent ?? "the agent"
    tellServed(door, given, blind, (named) => `${who} runs blind with ${named}; ${blind.holds}`)
    const env = childEnvironment(
      door.env,
      new Map([...given, ...Object.entries(blind.environment)]),
      isSet(door, "clean-env"),
    )
    const [first = "", ...rest] = blind.wrap([command, ...args])
    return await started(blind, { command: first, args: rest, env })
  } finally {
    blind.close()
  }
}

async function prepare(door: Door, { vault, key }: Brokered): Promise<BlindRun> {
  const broker = await door.others.broker()
  return broker.prepareBlind({
    vault,
    env: door.env,
    isolation: choice(door, "isolate", ["auto", "bwrap", "none"]),
    secretPlaces: secretPlaces(door),
    ...strictnessOf(door),
    preloads: !isSet(door, "no-preload"),
    // The program has the terminal, and may fill its screen.
    ask: (await questionsByPage(door)).choose,
    who: `${programName(door.call.words[0] ?? "")}, as the agent ${key.agent ?? ""}`,
  })
}

/** Where keys are, and what this machine remembers. */
function secretPlaces(door: Door): { folders: readonly string[]; files: readonly string[] } {
  const { env } = door
  const named = [option(door, "identity"), env["AGENT_VAULT_IDENTITY_FILE"]]
  return {
    folders: [keyHome(env), stateHome(env)],
    files: named.flatMap((file) => (file ? [userPath(door, file)] : [])),
  }
}

/**
 * The placeholder of each secret, as the variable that was chosen for it, and as those that the
 * clients of its service look for, where nothing else is called so.
 */
export async function variablesOf(
  assignments: readonly ProgramVariable[],
  blind: Pick<BlindRun, "placeholders" | "services">,
): Promise<ReadonlyMap<string, string>> {
  const given = new Map<string, string>()
  for (const { variable, value } of assignments) {
    const text = "text" in value ? value.text : blind.placeholders.get(value.secret)
    if (text !== undefined) given.set(variable, text)
  }
  const { findService } = await loadServices()
  for (const [secret, service] of blind.services) {
    const placeholder = blind.placeholders.get(secret)
    for (const variable of findService(service)?.variables ?? []) {
      if (placeholder !== undefined && !given.has(variable)) given.set(variable, placeholder)
    }
  }
  return given
}

/** What keeps the broker from serving is told in place of the exit code of what did not begin. */
async function started(
  { inside }: BlindRun,
  launch: { command: string; args: readonly string[]; env: Record<string, string> },
): Promise<number> {
  if (inside === undefined) return runProgram(launch, undefined)
  let failure: VaultError | undefined
  const take = async (listener: Server): Promise<void> => {
    try {
      await inside.takeListener(listener)
    } catch (error) {
      failure = asVaultError(error)
      throw failure
    }
  }
  const code = await runProgram({ ...launch, inside: { ...inside, takeListener: take } }, undefined)
  if (failure !== undefined) throw failure
  return code
}
