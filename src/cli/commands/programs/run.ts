import {
  type Confirmed,
  Redactor,
  type ScreenPatterns,
  VaultError,
  compilePatterns,
  screenPatterns,
} from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { type Outputs, runProgram } from "../../run/program.js"
import { selectionOf } from "../../run/selection.js"
import {
  type AssignedValues,
  type Values,
  readSelected,
  textOf,
} from "../../run/variable-values.js"
import { say } from "../../terminal/terminal.js"
import { childEnvironment } from "../../run/program-environment.js"
import { isSet } from "../../door/who.js"
import { agentAt, programName } from "../../run/who-runs.js"

/** Options of `run` that say something of a blind run only. */
const OF_BLIND = ["isolate", "unbound", "allow", "gate-models", "gate-others", "no-preload"]

/** Runs a program with secrets in its environment. Returns its exit code. */
export async function run(door: Door): Promise<number> {
  const [command = "", ...args] = door.call.words
  if (command === "") throw new VaultError("USAGE", "the command to run is empty")
  if (isSet(door, "blind")) {
    // A broker is a lot to load for whoever needs none.
    const { runBlind } = await import("../../run/blind.js")
    return runBlind(door)
  }
  refuseWithoutBlind(door)
  const selection = selectionOf(door)
  const isShown = isSet(door, "no-redact")
  // All of them are read before anything is started.
  const read = (person?: Confirmed): Promise<AssignedValues> =>
    readSelected(
      door,
      selection,
      { surface: "run", isShown },
      { program: programName(command), identify: (place) => agentAt(door, place), person },
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
  const { outputs, screen } = redacting(door, values)
  if (screen === undefined) return runProgram(launch, outputs)
  const { runAtTerminal } = await import("../../run/run-at-terminal.js")
  return runAtTerminal(launch, outputs, screen, door.terminal)
}

/** All that it writes is searched for every secret that was read; `screen` is there at a terminal. */
function redacting(
  { terminal }: Door,
  values: Values,
): { outputs: Outputs; screen: ScreenPatterns | undefined } {
  const secrets = Object.values(values)
  const redacted = secrets.map((secret) => ({ name: secret.name, value: secret.bytes() }))
  const patterns = compilePatterns(redacted)
  const isAtTerminal = terminal.stdin.isTTY && terminal.stdout.isTTY
  const screen = isAtTerminal ? screenPatterns(patterns, redacted) : undefined
  for (const secret of secrets) secret[Symbol.dispose]()
  if (patterns.short.length > 0) {
    say(
      terminal,
      `agent-vault: not redacted, since they are under 6 bytes long: ${patterns.short.join(", ")}`,
    )
  }
  const outputs = {
    stdout: { to: terminal.stdout, redactor: new Redactor(patterns) },
    stderr: { to: terminal.stderr, redactor: new Redactor(patterns) },
  }
  return { outputs, screen }
}

/** Throws `USAGE` for an option that says nothing here. */
function refuseWithoutBlind({ call }: Door): void {
  const stray = OF_BLIND.find((name) => call.options[name] !== undefined)
  if (stray === undefined) return
  throw new VaultError("USAGE", `--${stray} is for a blind run`, { hint: "add --blind" })
}
