import type { Server } from "node:net"
import { setImmediate } from "node:timers/promises"
import { type VaultError, asVaultError, attempted, keyHome, stateHome } from "../../core/index.js"
import type { BlindRun, Hidden, ServedTerms } from "../../serving/blind-program.js"
import type { BrokerDoor, Door, TriedIsolation } from "../door/door.js"
import { isSet, option, userPath } from "../door/who.js"
import { questionsByPage } from "./ask-person.js"
import { childEnvironment } from "./program-environment.js"
import type { Launch } from "./child.js"
import { refuseUnstartable } from "./not-started.js"
import { runProgram } from "./program.js"
import {
  type Brokered,
  brokeredOf,
  choice,
  secretVariables,
  strictnessOf,
  tellServed,
  textsOf,
  variablesOf,
} from "./brokered.js"
import { ToldToEnd } from "./told-to-end.js"
import { Unreached } from "./unreached.js"
import { variableLines } from "./variable-lines.js"
import { programName } from "./who-runs.js"

/** More than reading the last bytes of a connection and closing it take, each in a turn of the loop. */
const TURNS = 10

/** Variables that a program is given. */
type GivenVariables = ReadonlyMap<string, string>

/** How a program is started. */
interface StartTerms {
  /** What an isolated one gets besides, asked for when its network is made. */
  readonly given?: () => Promise<GivenVariables>
  readonly toItsEnd?: (launch: Launch) => Promise<number>
}

/** What is said to begin: with which secrets. */
type Begins = (secrets: readonly string[]) => void

/** A run that is prepared. */
interface PreparedRun {
  readonly door: Door
  readonly serving: Brokered
  readonly blind: BlindRun
  readonly told: ToldToEnd
}

/**
 * Runs a program that gets placeholders, and a broker that puts the values into what it sends.
 * Returns its exit code; if we are told to end before the program begins, that of who ends so.
 */
export async function runBlind(door: Door): Promise<number> {
  // Another core does this while this one opens the vault.
  const isolation = isolationOf(door, await door.others.broker())
  const serving = await brokeredOf(door, programName(door.call.words[0] ?? ""))
  // From here on there is something to clean up.
  const told = new ToldToEnd()
  const unreached = new Unreached()
  let blind: BlindRun | undefined
  try {
    blind = await prepare(door, serving, isolation, unreached)
    const prepared = { door, serving, blind, told }
    return await noted(serving.vault, (begins) => runPrepared(prepared, begins))
  } finally {
    try {
      await blind?.close()
    } finally {
      // Also where the audit cannot be closed.
      await serving.vault.endLeases()
      told.release()
      unreached.tell(door.terminal)
    }
  }
}

/**
 * Both ends of a run are in the audit, once `run` says that it begins; if its beginning cannot be, it
 * does not begin.
 */
export async function noted<T>(
  vault: Pick<Brokered["vault"], "note">,
  run: (begins: Begins) => Promise<T>,
): Promise<T> {
  let secrets: readonly { name: string }[] | undefined
  const note = (event: "run-start" | "run-end", of: readonly { name: string }[]): void =>
    vault.note({ event, decision: "allowed", secrets: of })
  try {
    return await run((names) => {
      const begun = names.map((name) => ({ name }))
      note("run-start", begun)
      secrets = begun
    })
  } finally {
    const begun = secrets
    // What was done is done.
    if (begun !== undefined) attempted(() => note("run-end", begun))
  }
}

/** Where it is isolated, its network is made while it is made ready what it is given. */
async function runPrepared(prepared: PreparedRun, begins: Begins): Promise<number> {
  const { door, serving, blind, told } = prepared
  const { inside } = blind
  const { words } = door.call
  let hasBegun = false
  const envWith = (variables: GivenVariables): Launch["env"] =>
    childEnvironment(door.env, variables, isSet(door, "clean-env"))
  const given = async (): Promise<Launch["env"]> => {
    const { variables, secrets } = await givenIn(prepared)
    const env = envWith(variables)
    if (inside !== undefined) refuseUnstartable(words, env, ".", inside.hides)
    if ((await told.code()) === undefined) {
      begins(secrets)
      hasBegun = true
    }
    return env
  }
  const first = envWith(textsOf(serving))
  if (inside !== undefined) refuseUnstartable(words, first, ".", inside.hides)
  const [command = "", ...args] = await blind.wrap(words)
  if (inside === undefined) {
    const env = await given()
    return (await told.code()) ?? started(blind, { command, args, env }, told)
  }
  const early = await told.code()
  if (early !== undefined) return early
  // Bubblewrap stays, and the program can read what that began with: nothing that it gets in another way.
  const replaced = new Set([...secretVariables(serving), ...(await inside.replaces())])
  const kept = Object.entries(first).filter(([name]) => !replaced.has(name))
  const env = Object.fromEntries(kept)
  const more = async (): Promise<GivenVariables> =>
    new Map(Object.entries(await given()).filter(([name, text]) => env[name] !== text))
  const code = await started(blind, { command, args, env }, told, { given: more })
  // What nobody came to ask for may be why.
  if (!hasBegun && (await told.code()) === undefined) await blind.given()
  return code
}

/** What the program gets, said on stderr. */
async function givenIn({ door, serving, blind }: PreparedRun): Promise<{
  readonly variables: GivenVariables
  readonly secrets: readonly string[]
}> {
  const served = await blind.given()
  const given = await variablesOf(serving.assignments, served)
  const who = serving.key.agent ?? "the agent"
  tellServed(door, given, served, (named) => `${who} runs blind with ${named}; ${blind.holds}`)
  return {
    variables: new Map([...given, ...Object.entries(served.environment)]),
    secrets: [...served.placeholders.keys()],
  }
}

async function prepare(
  door: Door,
  { vault, key }: Brokered,
  isolation: TriedIsolation,
  unreached: Unreached,
): Promise<BlindRun> {
  // The program has the terminal, and may fill its screen.
  const { choose: ask } = await questionsByPage(door)
  const who = `${programName(door.call.words[0] ?? "")}, as the agent ${key.agent ?? ""}`
  const { onRefused } = strictnessOf(door)
  return prepareWith(door, isolation, {
    vault,
    ask,
    who,
    onRefused: (error) => {
      onRefused(error)
      unreached.hear(error)
    },
  })
}

/** Tries what isolates, as the call says. */
export function isolationOf(door: Door, broker: BrokerDoor): TriedIsolation {
  return broker.tryIsolation(choice(door, "isolate", ["auto", "bwrap", "none"]), door.env)
}

/** Prepares a run that serves as the call says. */
export async function prepareWith(
  door: Door,
  isolation: TriedIsolation,
  terms: Pick<ServedTerms, "vault" | "ask" | "who"> & Partial<Pick<ServedTerms, "onRefused">>,
): Promise<BlindRun> {
  const broker = await door.others.broker()
  return broker.prepareBlind({
    env: door.env,
    isolation,
    secretPlaces: secretPlaces(door),
    ...strictnessOf(door),
    preloads: !isSet(door, "no-preload"),
    ...terms,
  })
}

/** Where keys are, and what this machine remembers. */
export function secretPlaces(door: Door): Hidden {
  const { env } = door
  const named = [option(door, "identity"), env["AGENT_VAULT_IDENTITY_FILE"]]
  return {
    folders: [keyHome(env), stateHome(env)],
    files: named.flatMap((file) => (file ? [userPath(door, file)] : [])),
  }
}

/**
 * Runs a program to its end, which gets what is `given` besides when it begins. What keeps an
 * isolated one from its beginning is told in place of its exit code. What it had sent when it ended
 * has been taken in.
 */
export async function started(
  { inside, begun }: Pick<BlindRun, "inside" | "begun">,
  launch: Launch,
  told: Pick<ToldToEnd, "code">,
  { given = nothing, toItsEnd = withOurStreams }: StartTerms = {},
): Promise<number> {
  const heardOut = async (whole: Launch): Promise<number> => {
    const code = await toItsEnd({ ...whole, begun })
    await lastWords()
    return code
  }
  if (inside === undefined) return heardOut(launch)
  let failure: VaultError | undefined
  let early: number | undefined
  const take = async (listener: Server): Promise<string> => {
    try {
      const lines = variableLines(Object.fromEntries(await given()), "sh")
      await inside.takeListener(listener)
      early = await told.code()
      if (early === undefined) return inside.beginning(lines)
    } catch (error) {
      failure = asVaultError(error)
      throw failure
    }
    throw new TypeError("the program does not begin")
  }
  let taking: Promise<string> | undefined
  const taken = (listener: Server): Promise<string> => (taking = take(listener))
  const code = await heardOut({ ...launch, inside: { ...inside, take: taken } })
  // What is begun for a program that was ended meanwhile comes to its end as well.
  await taking?.catch(() => undefined)
  if (failure !== undefined) throw failure
  return early ?? code
}

function nothing(): Promise<GivenVariables> {
  return Promise.resolve(new Map())
}

function withOurStreams(launch: Launch): Promise<number> {
  return runProgram(launch, undefined)
}

/**
 * What a program sent before it ended, why it does not trust our certificate, say, lies with this
 * machine when it ends; the broker has taken it in some turns of the loop later.
 */
async function lastWords(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await setImmediate()
}
