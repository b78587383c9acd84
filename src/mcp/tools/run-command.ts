import { VaultError, parseGroupName, parseSecretName, parseVariableName } from "../../core/index.js"
import { argumentsOf, wrong } from "../calls/arguments.js"
import type { Answer } from "../calls/answer.js"
import type { SecretProgram } from "../../serving/serving.js"
import {
  type Surroundings,
  TEXT,
  type Tool,
  gives,
  listOf,
  shape,
  eitherOf,
} from "../calls/tool.js"
import { RUN_SCHEMA, shownRun, shownRunPage } from "./shown-run.js"

/** Bytes of each stream that are taken; what a model reads of it page by page is less. */
const OUTPUT_BYTES = 2 ** 20
/** Below the 60 s after which most clients give up: what came so far then still reaches the model. */
const SECONDS = 50
const MOST_SECONDS = 600
const NOT_STARTED: ReadonlySet<string> = new Set(["COMMAND_NOT_FOUND", "COMMAND_NOT_STARTED"])
const MODES = ["blind", "variables"] as const

interface CommandArguments {
  readonly program: string
  readonly args: readonly string[]
  readonly shell: boolean
  readonly secrets: readonly string[]
  readonly groups: readonly string[]
  readonly mode: string
  readonly cwd: string
  readonly stdin: string
  readonly seconds: number
  readonly page: string
}

export const RUN_COMMAND: Tool = {
  name: "run_command",
  title: "Run a program with secrets",
  description:
    "Runs a program with secrets in environment variables, and gives its output without them. By default it is blind: each variable holds a placeholder, and what the program sends over HTTPS gets the value where an owner's rule says so; write {{GROUP/NAME}} in args for one. No shell is in between: `program` is one program, `args` its arguments, and $NAME in them is text. With `shell` true, `program` is a line for a shell. All that it started is ended with it. A long output ends with `next`: call again with those arguments.",
  docs: "runs a program as `run` does, blind or with variables, without a shell unless `shell` says so; its output without values, its exit code or signal; only where the server was started with [`--allow-run`](#a-program-with-secrets)",
  runsPrograms: true,
  changesThings: true,
  inputSchema: shape(
    {
      program: { ...TEXT, description: "the program; with `shell`, a line for a shell" },
      args: { ...listOf(TEXT), description: "its arguments, a text each" },
      shell: { type: "boolean", description: "false if it is left out" },
      secrets: {
        ...listOf(TEXT),
        description: "GROUP/NAME, or GROUP/NAME=VARIABLE; all that have rules, if nothing is named",
      },
      groups: { ...listOf(TEXT), description: "all secrets of these groups" },
      mode: {
        ...TEXT,
        description:
          "blind: placeholders; variables: the values. Left out: blind, if one of the secrets has a rule",
      },
      cwd: { ...TEXT, description: "a folder of the repository, from its top" },
      stdin: { ...TEXT, description: "all that it reads; nothing, if it is left out" },
      seconds: {
        type: "integer",
        description: `its time limit: ${SECONDS}, and at most ${MOST_SECONDS}`,
      },
      page: { ...TEXT, description: "of `next`, for the next page; then nothing is run" },
    },
    ["program"],
  ),
  outputSchema: {
    ...gives(RUN_SCHEMA, ["mode"]),
    anyOf: eitherOf(["mode"], ["stdout"], ["stderr"], ["error"]),
  },
  call: async (args, surroundings) => {
    const given = argumentsOf<CommandArguments>(RUN_COMMAND, args)
    const { program = "", page } = given
    if (page !== undefined) return { document: shownRunPage(surroundings.kept, program, page) }
    return runs(given, surroundings)
  },
}

async function runs(
  args: Partial<CommandArguments>,
  { run, kept, signal }: Surroundings,
): Promise<Answer> {
  if (run === undefined) throw new TypeError("the tool is offered where programs may run")
  const asked = { ...readCommand(args), most: OUTPUT_BYTES, signal }
  try {
    return { document: shownRun(await run(asked), asked, kept) }
  } catch (error) {
    throw withoutLine(error)
  }
}

/** Reads what a model wrote. Throws `USAGE`, `NAME_INVALID`. */
function readCommand(given: Partial<CommandArguments>): Omit<SecretProgram, "most" | "signal"> {
  const { program = "", args = [], shell = false, secrets = [], groups = [] } = given
  const { mode, cwd = ".", stdin = "", seconds = SECONDS } = given
  if (program.trim() === "") throw wrong("program names no program")
  if ([program, ...args].some((word) => word.includes("\0"))) {
    throw wrong("no program takes an argument with a zero byte in it")
  }
  if (shell && args.length > 0) throw wrong("a shell takes its whole line in program, and no args")
  if (seconds < 1 || seconds > MOST_SECONDS) {
    throw wrong(`seconds is a number from 1 to ${MOST_SECONDS}`)
  }
  const known = MODES.find((each) => each === mode)
  if (mode !== undefined && known === undefined) throw wrong("mode is blind or variables")
  return {
    program,
    args,
    isShell: shell,
    cwd,
    stdin,
    mode: known,
    timeLimit: seconds * 1000,
    secrets: secrets.map(secretOf),
    groups: groups.map(parseGroupName),
  }
}

/** What follows `=` may be a value by mistake: it is not repeated. */
function secretOf(text: string): SecretProgram["secrets"][number] {
  const [name = "", variable] = text.split(/=(.*)/s)
  const { full: secret } = parseSecretName(name)
  if (variable === undefined) return { secret }
  try {
    return { secret, variable: parseVariableName(variable) }
  } catch {
    throw new VaultError("NAME_INVALID", `what follows ${secret}= is not a variable name`, {
      hint: "for example: API_KEY",
    })
  }
}

/** Of a program that did not start, a person is told how a shell starts it; a model has `shell`. */
function withoutLine(error: unknown): unknown {
  if (!VaultError.is(error) || !NOT_STARTED.has(error.code)) return error
  return new VaultError(error.code, error.message, {
    hint: "give the program alone in program, and each argument in args; what only a shell knows: shell true",
  })
}
