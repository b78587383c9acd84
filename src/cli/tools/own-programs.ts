import {
  type BrokeredVault,
  type Identity,
  type Patterns,
  type VaultError,
  openBrokered,
  parseSecretName,
} from "../../core/index.js"
import { EndedWithUs } from "../../core/owner.js"
import type { Questions } from "../../questions/questions.js"
import type { Door } from "../door/door.js"
import type { CallMade, ProgramRun, SecretProgram } from "../../serving/serving.js"
import { auditOf, openForAgent } from "../door/reading.js"
import { identityOf, placeOf } from "../door/who.js"
import { noteOnce } from "../terminal/terminal.js"
import { folderIn, namedIn, secretIn, selected, usersOf, wordsOf } from "./asked-program.js"
import { closeAll } from "./close-all.js"
import { isolationOf, noted, prepareWith, started } from "../run/blind.js"
import { variablesOf } from "../run/brokered.js"
import type { Launch } from "../run/child.js"
import { hearEach } from "../run/program.js"
import { refuseUnstartable } from "../run/not-started.js"
import { childEnvironment } from "../run/program-environment.js"
import { type ApartEnd, runApart } from "./run-apart.js"
import type { ProgramVariable } from "../run/selection.js"
import { type Values, textOf } from "../run/variable-values.js"
import { patternsOf } from "./vault-patterns.js"

/** Refusals of one run that are told: a program may try again and again. */
const TOLD_REFUSALS = 5

/** A program that is to run, and all that was decided about it. */
interface Undertaking {
  readonly door: Door
  readonly asked: SecretProgram
  readonly assignments: readonly ProgramVariable[]
  readonly patterns: Patterns
  /** Hears of which secrets something was taken out of what it writes. */
  readonly hear: (found: readonly string[]) => void
  readonly cwd: string
}

/** Runs programs with secrets of a call's agent, as `run` does, apart from our own streams. */
export function runnerFor(
  door: Door,
  questions: () => Promise<Questions>,
): (asked: SecretProgram, call: CallMade) => Promise<ProgramRun> {
  const withUs = new EndedWithUs()
  return (asked, call) =>
    withUs.during(() => {
      const signal = AbortSignal.any([asked.signal, withUs.signal])
      return ranFor(door, { ...withNamed(asked), signal }, call, questions)
    })
}

/** What is named in an argument goes with the program. */
function withNamed(asked: SecretProgram): SecretProgram {
  const said = new Set(asked.secrets.map(({ secret }) => secret))
  const named = new Set(namedIn(asked).filter((secret) => !said.has(secret)))
  return { ...asked, secrets: [...asked.secrets, ...[...named].map((secret) => ({ secret }))] }
}

async function ranFor(
  door: Door,
  asked: SecretProgram,
  call: CallMade,
  questions: () => Promise<Questions>,
): Promise<ProgramRun> {
  const place = placeOf(door)
  const key = await identityOf(door, place, "never")
  const cwd = folderIn(place, asked.cwd)
  const by = usersOf(asked, call, door.env)
  const identify = (): Promise<Identity> => Promise.resolve(key)
  const vault = await openForAgent(door, { surface: "run" }, { program: by.program, by, identify })
  const closing: (() => unknown)[] = [() => vault.close()]
  try {
    const { mode, assignments } = await selected(door, vault, asked)
    const names = [...new Set(assignments.flatMap(secretIn))].map(parseSecretName)
    const onNote = noteOnce(door.terminal)
    const open = (): Promise<BrokeredVault> =>
      openBrokered({ place, key, env: door.env, audit: auditOf(door, place, by), onNote }, names)
    const sought = await open()
    closing.push(() => sought.close())
    const values = mode === "variables" ? await vault.getMany(assignments.flatMap(secretIn)) : {}
    const patterns = await patternsOf(door, sought, values, [asked.program, ...asked.args])
    const hear = hearEach((name) =>
      sought.note({ event: "output", decision: "redacted", secrets: [{ name }] }),
    )
    const undertaking = { door, asked, assignments, patterns, hear, cwd }
    if (mode === "variables") return await withValues(undertaking, values)
    const { choose: ask } = await questions()
    const who = `${by.program}, as the agent ${key.agent ?? "of this key"}`
    const served = await open()
    closing.push(() => served.endLeases())
    return await runsBlind(undertaking, { vault: served, ask, who })
  } finally {
    await closeAll(closing.toReversed())
  }
}

/** As `run --blind`: placeholders, and a broker that puts the values into what the program sends. */
async function runsBlind(
  undertaking: Undertaking,
  terms: Parameters<typeof prepareWith>[2],
): Promise<ProgramRun> {
  const { door, asked, assignments, patterns, hear } = undertaking
  const refused: VaultError[] = []
  const onRefused = (error: VaultError): void => {
    if (refused.length < TOLD_REFUSALS) refused.push(error)
  }
  const isolation = isolationOf(door, await door.others.broker())
  const blind = await prepareWith(door, isolation, { ...terms, onRefused })
  try {
    const served = await blind.given()
    const { placeholders, environment, leftOut } = served
    const given = await variablesOf(assignments, served)
    const env = childEnvironment(
      door.env,
      new Map([...given, ...Object.entries(environment)]),
      false,
    )
    const words = wordsOf(asked, placeholders)
    const hides = blind.inside?.hides
    if (hides !== undefined) refuseUnstartable(words, env, undertaking.cwd, hides)
    const [command = "", ...args] = await blind.wrap(words)
    const launch = { command, args, env, apart: apartIn(undertaking) }
    let end: ApartEnd | undefined
    const told = { code: () => Promise.resolve(asked.signal.aborted ? 1 : undefined) }
    const toItsEnd = async (whole: Launch): Promise<number> => {
      end = await runApart(whole, { ...asked, patterns, hear })
      return end.code
    }
    await noted(terms.vault, (begins) => {
      begins([...placeholders.keys()])
      return started(blind, launch, told, { toItsEnd })
    })
    if (end === undefined) throw new TypeError("it was run to its end")
    const secretOf = new Map([...placeholders].map(([secret, text]) => [text, secret]))
    const variables = new Map(
      [...given].flatMap(([name, text]) => {
        const secret = secretOf.get(text)
        return secret === undefined ? [] : [[name, secret] as const]
      }),
    )
    const without = Object.fromEntries(leftOut)
    return { ...ended(end, variables), mode: "blind", without, refused, holds: blind.holds }
  } finally {
    await blind.close()
  }
}

/** As `run`: the values, in variables. */
async function withValues(undertaking: Undertaking, values: Values): Promise<ProgramRun> {
  const { door, asked, assignments, patterns, hear } = undertaking
  const given = new Map(assignments.map((each) => [each.variable, textOf(each, values)]))
  for (const value of Object.values(values)) value[Symbol.dispose]()
  const env = childEnvironment(door.env, given, false)
  const [command, ...args] = wordsOf(asked, undefined)
  const launch = { command, args, env, given, apart: apartIn(undertaking) }
  const end = await runApart(launch, { ...asked, patterns, hear })
  const variables = new Map(assignments.map((each) => [each.variable, secretIn(each).join()]))
  return { ...ended(end, variables), mode: "variables", without: {}, refused: [] }
}

function apartIn({ asked: { stdin }, cwd }: Undertaking) {
  return { stdin, cwd }
}

function ended(
  { code, signal, isLate, stdout, stderr }: ApartEnd,
  variables: ReadonlyMap<string, string>,
) {
  const end = signal === null ? { code } : { signal }
  return { end, isLate, stdout, stderr, variables: Object.fromEntries(variables) }
}
