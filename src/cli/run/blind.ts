import type { Server } from "node:net"
import { setImmediate } from "node:timers/promises"
import {
  type VaultError,
  asVaultError,
  attempted,
  keyHome,
  loadServices,
  stateHome,
} from "../../core/index.js"
import type { BlindRun, Door, ServedTerms } from "../door/door.js"
import { isSet, option, userPath } from "../door/who.js"
import { questionsByPage } from "./ask-person.js"
import { childEnvironment } from "./program-environment.js"
import type { Launch } from "./child.js"
import { runProgram } from "./program.js"
import type { ProgramVariable } from "./selection.js"
import { type Brokered, choice, brokeredOf, strictnessOf, tellServed } from "./brokered.js"
import { ToldToEnd } from "./told-to-end.js"
import { Unreached } from "./unreached.js"
import { programName } from "./who-runs.js"

/** More than reading the last bytes of a connection and closing it take, each in a turn of the loop. */
const TURNS = 10

/**
 * Runs a program that gets placeholders, and a broker that puts the values into what it sends.
 * Returns its exit code; if we are told to end before the program begins, that of who ends so.
 */
export async function runBlind(door: Door): Promise<number> {
  const [command = "", ...args] = door.call.words
  const serving = await brokeredOf(door, programName(command))
  // From here on there is something to clean up.
  const told = new ToldToEnd()
  const unreached = new Unreached()
  let blind: BlindRun | undefined
  try {
    blind = await prepare(door, serving, unreached)
    const env = await environmentOf(door, serving, blind)
    const [first = "", ...rest] = blind.wrap([command, ...args])
    const launch = { command: first, args: rest, env }
    const early = await told.code()
    if (early !== undefined) return early
    const secrets = [...blind.placeholders.keys()]
    const { inside } = blind
    return await noted(serving.vault, secrets, () => started({ inside }, launch, told))
  } finally {
    try {
      blind?.close()
    } finally {
      // Also where the audit cannot be closed.
      await serving.vault.endLeases()
      told.release()
      unreached.tell(door.terminal)
    }
  }
}

/** Both ends of a run are in the audit; if its beginning cannot be, it does not begin. */
export async function noted<T>(
  vault: Pick<Brokered["vault"], "note">,
  secrets: readonly string[],
  run: () => Promise<T>,
): Promise<T> {
  const facts = { decision: "allowed", secrets: secrets.map((name) => ({ name })) } as const
  vault.note({ ...facts, event: "run-start" })
  try {
    return await run()
  } finally {
    // What was done is done.
    attempted(() => vault.note({ ...facts, event: "run-end" }))
  }
}

/** What the program gets, said on stderr. */
async function environmentOf(
  door: Door,
  { key, assignments }: Brokered,
  blind: BlindRun,
): Promise<Record<string, string>> {
  const given = await variablesOf(assignments, blind)
  const who = key.agent ?? "the agent"
  tellServed(door, given, blind, (named) => `${who} runs blind with ${named}; ${blind.holds}`)
  return childEnvironment(
    door.env,
    new Map([...given, ...Object.entries(blind.environment)]),
    isSet(door, "clean-env"),
  )
}

async function prepare(
  door: Door,
  { vault, key }: Brokered,
  unreached: Unreached,
): Promise<BlindRun> {
  // The program has the terminal, and may fill its screen.
  const { choose: ask } = await questionsByPage(door)
  const who = `${programName(door.call.words[0] ?? "")}, as the agent ${key.agent ?? ""}`
  const { onRefused } = strictnessOf(door)
  return prepareWith(door, {
    vault,
    ask,
    who,
    onRefused: (error) => {
      onRefused(error)
      unreached.hear(error)
    },
  })
}

/** Makes a broker ready that serves as the call says. */
export async function prepareWith(
  door: Door,
  terms: Pick<ServedTerms, "vault" | "ask" | "who"> & Partial<Pick<ServedTerms, "onRefused">>,
): Promise<BlindRun> {
  const broker = await door.others.broker()
  return broker.prepareBlind({
    env: door.env,
    isolation: choice(door, "isolate", ["auto", "bwrap", "none"]),
    secretPlaces: secretPlaces(door),
    ...strictnessOf(door),
    preloads: !isSet(door, "no-preload"),
    ...terms,
  })
}

/** Where keys are, and what this machine remembers. */
export function secretPlaces(door: Door): { folders: readonly string[]; files: readonly string[] } {
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

/**
 * What keeps an isolated program from its beginning is told in place of its exit code. What it had
 * sent when it ended has been taken in.
 */
export async function started(
  { inside }: Pick<BlindRun, "inside">,
  launch: Launch,
  told: Pick<ToldToEnd, "code">,
  toItsEnd = (whole: Launch): Promise<number> => runProgram(whole, undefined),
): Promise<number> {
  const heardOut = async (whole: Launch): Promise<number> => {
    const code = await toItsEnd(whole)
    await lastWords()
    return code
  }
  if (inside === undefined) return heardOut(launch)
  let failure: VaultError | undefined
  let early: number | undefined
  const take = async (listener: Server): Promise<void> => {
    try {
      await inside.takeListener(listener)
    } catch (error) {
      failure = asVaultError(error)
      throw failure
    }
    early = await told.code()
    if (early !== undefined) throw new TypeError("the program does not begin")
  }
  const code = await heardOut({ ...launch, inside: { ...inside, takeListener: take } })
  if (failure !== undefined) throw failure
  return early ?? code
}

/**
 * What a program sent before it ended, why it does not trust our certificate, say, lies with this
 * machine when it ends; the broker has taken it in some turns of the loop later.
 */
async function lastWords(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await setImmediate()
}
