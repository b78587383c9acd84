import {
  type Confirmed,
  type LeaseBook,
  type Patterns,
  type ReadEvent,
  Redactor,
  type ScreenPatterns,
  VaultError,
  compilePatterns,
  endLeases,
  isTooShort,
  newLeaseBook,
  screenPatterns,
} from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { type Output, type Outputs, hearEach, runProgram } from "../../run/program.js"
import { selectionOf } from "../../run/selection.js"
import {
  type AssignedValues,
  type Values,
  readSelected,
  textOf,
} from "../../run/variable-values.js"
import { isTerminal, noteOnce, say } from "../../terminal/terminal.js"
import { childEnvironment } from "../../run/program-environment.js"
import { isSet } from "../../door/who.js"
import type { RunNotes } from "../../run/output-notes.js"
import { agentAt, programName } from "../../run/who-runs.js"

/** Options of `run` that say something of a blind run only. */
const OF_BLIND = ["isolate", "unbound", "allow", "gate-models", "gate-others", "no-preload"]

/** Runs a program with secrets in its environment. Returns its exit code. */
export async function run(door: Door): Promise<number> {
  const [command = ""] = door.call.words
  if (command === "") throw new VaultError("USAGE", "the command to run is empty")
  if (isSet(door, "blind")) {
    // A broker is a lot to load for whoever needs none.
    const { runBlind } = await import("../../run/blind.js")
    return runBlind(door)
  }
  refuseWithoutBlind(door)
  const leases = newLeaseBook()
  try {
    return await runWith(door, leases)
  } finally {
    await endLeases(leases, door.env, noteOnce(door.terminal))
  }
}

/** Runs it with the values in variables; the leases among them are the caller's to end. */
async function runWith(door: Door, leases: LeaseBook): Promise<number> {
  const [command = "", ...args] = door.call.words
  const selection = selectionOf(door)
  const program = programName(command)
  const reads: ReadEvent[] = []
  const isShown = isSet(door, "no-redact")
  // All of them are read before anything is started.
  const read = (person?: Confirmed): Promise<AssignedValues> =>
    readSelected(
      door,
      selection,
      { surface: "run", isShown },
      {
        program,
        identify: (place) => agentAt(door, place),
        person,
        leases,
        onRead: (event) => void reads.push(event),
      },
    )
  const { assignments, values } = await read().catch(async (error: unknown) => {
    if (!VaultError.is(error, "UNCONFIRMED")) throw error
    // The vault's policy waits for a person. What may never be shown, nobody is asked about.
    const { withPerson } = await import("../../door/confirm-person.js")
    return withPerson(door, read, ["UNCONFIRMED"])
  })
  const given = new Map(assignments.map((each) => [each.variable, textOf(each, values)]))

  const env = childEnvironment(door.env, given, isSet(door, "clean-env"))
  const launch = { command, args, env, given }
  if (isShown) return runProgram(launch, undefined)
  const notes = new LaterNotes(door, program, reads)
  const { outputs, screen } = redacting(door, values, hearEach(notes.note))
  try {
    if (screen === undefined) return await runProgram(launch, outputs)
    const { runAtTerminal } = await import("../../run/run-at-terminal.js")
    return await runAtTerminal(launch, outputs, screen, door.terminal)
  } finally {
    await notes.close()
  }
}

/** {@link RunNotes}, loaded with the first of them: most programs show no value. */
class LaterNotes {
  readonly #of: ConstructorParameters<typeof RunNotes>
  #notes: Promise<RunNotes | undefined> | undefined

  constructor(...of: ConstructorParameters<typeof RunNotes>) {
    this.#of = of
  }

  readonly note = (secret: string): void => {
    // The program may have done away with what is loaded, or with the vault.
    this.#notes ??= this.#load().catch(() => undefined)
    void this.#notes.then((notes) => notes?.note(secret))
  }

  async close(): Promise<void> {
    ;(await this.#notes)?.close()
  }

  async #load(): Promise<RunNotes> {
    const { RunNotes: Notes } = await import("../../run/output-notes.js")
    return new Notes(...this.#of)
  }
}

/** All that it writes is searched for every secret that was read; `screen` is there at a terminal. */
function redacting(
  { terminal }: Door,
  values: Values,
  hear: Output["hear"],
): { outputs: Outputs; screen: ScreenPatterns | undefined } {
  const secrets = Object.values(values)
  const redacted = secrets.map((secret) => ({ name: secret.name, value: secret.bytes() }))
  for (const secret of secrets) secret[Symbol.dispose]()
  const short = redacted.filter(({ value }) => isTooShort(value)).map(({ name }) => name)
  if (short.length > 0) {
    say(
      terminal,
      `agent-vault: not redacted, since they are under 6 bytes long: ${short.join(", ")}`,
    )
  }
  let compiled: Patterns | undefined
  const patterns = (): Patterns => (compiled ??= compilePatterns(redacted))
  const redactor = (): Redactor => new Redactor(patterns())
  const isAtTerminal = isTerminal(terminal, "stdin") && isTerminal(terminal, "stdout")
  const outputs = {
    stdout: { to: () => terminal.stdout, redactor, hear },
    stderr: { to: () => terminal.stderr, redactor, hear },
  }
  return { outputs, screen: isAtTerminal ? screenPatterns(patterns(), redacted) : undefined }
}

/** Throws `USAGE` for an option that says nothing here. */
function refuseWithoutBlind({ call }: Door): void {
  const stray = OF_BLIND.find((name) => call.options[name] !== undefined)
  if (stray === undefined) return
  throw new VaultError("USAGE", `--${stray} is for a blind run`, { hint: "add --blind" })
}
