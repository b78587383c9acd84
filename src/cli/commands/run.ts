import { basename } from "node:path"
import {
  type AgentVault,
  type Identity,
  type Place,
  Redactor,
  type SecretValue,
  VaultError,
  claimedId,
  compilePatterns,
  localAgents,
} from "../../core/index.js"
import { shownCommand } from "../run/child.js"
import type { Door } from "../door/door.js"
import { type Outputs, runProgram } from "../run/program.js"
import { type ProgramVariable, assign, selectionOf } from "../run/selection.js"
import { shellWord } from "../../core/index.js"
import { specOf } from "../parse/table.js"
import { say } from "../terminal/terminal.js"
import { childEnvironment } from "../run/program-environment.js"
import { openForAgent } from "../door/reading.js"
import { identityIfSet, isSet } from "../door/who.js"

type Values = Readonly<Record<string, SecretValue>>

/** Runs a program with secrets in its environment. Returns its exit code. */
export async function run(door: Door): Promise<number> {
  const [command = "", ...args] = door.call.words
  if (command === "") throw new VaultError("USAGE", "the command to run is empty")
  const selection = selectionOf(door)
  const isShown = isSet(door, "no-redact")
  const vault = await openForAgent(
    door,
    { surface: "run", isShown },
    { program: programName(command), identify: (place) => agentAt(door, place) },
  )
  const assignments = await assign(vault, selection)
  // All of them are read before anything is started.
  const values = await readAll(vault, assignments)
  const given = new Map(assignments.map((each) => [each.variable, textOf(each, values)]))
  await vault.close()

  const env = childEnvironment(door.env, given, isSet(door, "clean-env"))
  const outputs = isShown ? undefined : redacting(door, values)
  return runProgram({ command, args, env }, outputs)
}

async function agentAt(door: Door, place: Place): Promise<Identity> {
  const key = await identityIfSet(door, place)
  if (key === undefined) throw nobody(door, place)
  return key
}

/** For the audit: a whole line in place of a program could hold a value. */
function programName(command: string): string {
  return command.includes("/") && !command.includes("=") ? basename(command) : shownCommand(command)
}

async function readAll(
  vault: AgentVault,
  assignments: readonly ProgramVariable[],
): Promise<Values> {
  return vault.getMany(
    assignments.flatMap(({ value }) => ("secret" in value ? [value.secret] : [])),
  )
}

/** The value of a variable, which is text and has no zero byte: the system knows no others. */
function textOf({ variable, value }: ProgramVariable, values: Values): string {
  if ("text" in value) return value.text
  const secret = values[value.secret]
  if (secret === undefined) throw new TypeError("every secret was read")
  try {
    const text = secret.reveal()
    if (!text.includes("\0")) return text
  } catch (error) {
    if (!VaultError.is(error, "VALUE_NOT_TEXT")) throw error
  }
  throw new VaultError(
    "VALUE_NOT_TEXT",
    `${value.secret} is binary, so it cannot be the variable ${variable}`,
    { hint: `let the program read it: agent-vault get ${value.secret}, or with the SDK` },
  )
}

/** Both streams are searched for every secret that was read. */
function redacting({ terminal }: Door, values: Values): Outputs {
  const secrets = Object.values(values)
  const patterns = compilePatterns(
    secrets.map((secret) => ({ name: secret.name, value: secret.bytes() })),
  )
  for (const secret of secrets) secret[Symbol.dispose]()
  if (patterns.short.length > 0) {
    say(
      terminal,
      `agent-vault: not redacted, since they are under 6 bytes long: ${patterns.short.join(", ")}`,
    )
  }
  return {
    stdout: { to: terminal.stdout, redactor: new Redactor(patterns) },
    stderr: { to: terminal.stderr, redactor: new Redactor(patterns) },
  }
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
  const [command = "", ...args] = call.words
  const program = `${shellWord(shownCommand(command))}${args.length > 0 ? " …" : ""}`
  return ["agent-vault run --agent", shellWord(agent), ...given, "--", program].join(" ")
}

function flagOf(name: string): string {
  const short = specOf("run")?.options[name]?.short
  return short === undefined ? `--${name}` : `-${short}`
}
