import type { Server } from "node:net"
import {
  type Identity,
  VaultError,
  asVaultError,
  keyHome,
  loadServices,
  openBrokered,
  parseSecretName,
  stateHome,
} from "../../core/index.js"
import type { BlindRun, Door } from "../door/door.js"
import { auditOf, openForAgent } from "../door/reading.js"
import { isSet, option, options, placeOf, userPath } from "../door/who.js"
import { noteOnce, say } from "../terminal/terminal.js"
import { askByPage } from "./ask-person.js"
import { childEnvironment } from "./program-environment.js"
import { runProgram } from "./program.js"
import { type ProgramVariable, assign, selectionOf } from "./selection.js"
import { agentAt, programName } from "./who-runs.js"

/** Options of `run` that say something of a blind run only. */
const OF_BLIND = ["isolate", "unbound", "allow", "gate-models", "gate-others", "no-preload"]

/** Throws `USAGE` for an option that says nothing here. */
export function refuseWithoutBlind({ call }: Door): void {
  const stray = OF_BLIND.find((name) => call.options[name] !== undefined)
  if (stray === undefined) return
  throw new VaultError("USAGE", `--${stray} is for a blind run`, { hint: "add --blind" })
}

/**
 * Runs a program that gets placeholders, and a broker that puts the values into what it sends.
 * Returns its exit code.
 */
export async function runBlind(door: Door): Promise<number> {
  const [command = "", ...args] = door.call.words
  const selection = selectionOf(door)
  const program = programName(command)
  const key = await agentAt(door, placeOf(door))
  const vault = await openForAgent(
    door,
    { surface: "run" },
    { program, identify: () => Promise.resolve(key) },
  )
  const assignments = await assign(vault, selection)
  await vault.close()
  const blind = await prepare(door, key, assignments, program)
  try {
    const given = await variablesOf(assignments, blind)
    tell(door, key, given, blind)
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

async function prepare(
  door: Door,
  key: Identity,
  assignments: readonly ProgramVariable[],
  program: string,
): Promise<BlindRun> {
  const place = placeOf(door)
  const secrets = new Set(
    assignments.flatMap(({ value }) => ("secret" in value ? [value.secret] : [])),
  )
  const vault = await openBrokered(
    {
      place,
      key,
      env: door.env,
      audit: auditOf(door, place, program),
      onNote: noteOnce(door.terminal),
    },
    [...secrets].map(parseSecretName),
  )
  const broker = await door.others.broker()
  return broker.prepareBlind({
    vault,
    env: door.env,
    isolation: choice(door, "isolate", ["auto", "bwrap", "none"]),
    secretPlaces: secretPlaces(door),
    unbound: choice(door, "unbound", ["deny", "tunnel"]),
    allowed: options(door, "allow"),
    gate: {
      models: choice(door, "gate-models", ["redact", "refuse", "off"]),
      others: choice(door, "gate-others", ["refuse", "redact", "off"]),
    },
    preloads: !isSet(door, "no-preload"),
    // The program has the terminal, and may fill its screen.
    ask: askByPage(door),
  })
}

/** What was chosen of these; the first without a choice. The parser lets no other through. */
function choice<T extends string>(door: Door, name: string, choices: readonly [T, ...T[]]): T {
  const chosen = option(door, name)
  return choices.find((each) => each === chosen) ?? choices[0]
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
async function variablesOf(
  assignments: readonly ProgramVariable[],
  blind: BlindRun,
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

function tell(
  { terminal }: Door,
  key: Identity,
  given: ReadonlyMap<string, string>,
  { placeholders, leftOut, holds }: BlindRun,
): void {
  const secretOf = new Map([...placeholders].map(([secret, text]) => [text, secret]))
  const named = [...given].flatMap(([variable, text]) => {
    const secret = secretOf.get(text)
    return secret === undefined ? [] : [`${secret} as ${variable}`]
  })
  say(
    terminal,
    `agent-vault: ${key.agent ?? "the agent"} runs blind with ${named.join(", ")}; ${holds}`,
  )
  for (const [secret, why] of leftOut) say(terminal, `agent-vault: without ${secret}: ${why}`)
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
