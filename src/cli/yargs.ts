import yargs, { type Argv } from "yargs"
import { VaultError } from "../core/index.js"
import { type Call, type CommandSpec, wordRange } from "./call.js"
import { COMMANDS } from "./table.js"

/** What a command line asks for: a command to run, or a text to show. */
export type Asked = Call | { readonly show: string }

const DOCS = "Every command has --help. Documentation: README.md and docs/ of the project."

/**
 * Understands any command line, with help, suggestions and errors. Throws `USAGE`, which never
 * repeats a word that could be a value.
 */
export async function parseFully(argv: readonly string[], width: number): Promise<Asked> {
  let call: Call | undefined
  let failure: VaultError | undefined
  let shown: string | undefined
  const parser = build(width, (found) => {
    call = found
  }).fail((message: string | null, error: unknown) => {
    failure ??= error instanceof VaultError ? error : usage(message)
  })
  await parser.parseAsync(argv.map(impliedValue), {}, (_error, _argv, output) => {
    if (output !== "") shown = output
  })
  if (shown !== undefined && failure === undefined) return { show: shown }
  if (failure !== undefined) throw failure
  if (call !== undefined) return call
  throw new VaultError(
    "USAGE",
    argv.length === 0 ? "no command was given" : "there is no such command",
    {
      hint: "agent-vault --help lists the commands",
    },
  )
}

function build(width: number, onCall: (call: Call) => void): Argv {
  const parser = yargs()
    .scriptName("agent-vault")
    .locale("en")
    .exitProcess(false)
    .version(false)
    .help("help")
    .wrap(Math.min(width, 100))
    .strictOptions()
    .recommendCommands()
    .parserConfiguration({
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "duplicate-arguments-array": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "short-option-groups": false,
    })
    .usage("A Git-native secret vault for AI agents.\n\nUsage: agent-vault COMMAND")
    .epilogue(DOCS)
  for (const spec of COMMANDS.filter(({ name }) => !name.includes(" "))) {
    addCommand(parser, spec, onCall)
  }
  addAgentCommands(parser, onCall)
  return parser
}

function addAgentCommands(parser: Argv, onCall: (call: Call) => void): void {
  const specs = COMMANDS.filter(({ name }) => name.startsWith("agent "))
  parser.command("agent", "add, list, show, remove, recover and rekey agents", (group) => {
    for (const spec of specs) addCommand(group, spec, onCall, spec.name.slice("agent ".length))
    return group.demandCommand(1, "say what to do: agent add, list, show, remove, recover or rekey")
  })
}

function addCommand(
  parser: Argv,
  spec: CommandSpec,
  onCall: (call: Call) => void,
  name = spec.name,
): void {
  parser.command({
    command: name,
    describe: spec.summary,
    builder: (command) => {
      for (const [option, { value, describe, choices }] of Object.entries(spec.options)) {
        command.option(option, {
          describe: value === undefined ? describe : `${value}: ${describe}`,
          type: value === undefined ? "boolean" : "string",
          ...(choices === undefined ? {} : { choices }),
          ...(value === undefined ? {} : { requiresArg: true }),
        })
      }
      for (const [example, what] of spec.examples) command.example(example, what)
      return command
        .usage(`agent-vault ${spec.name} ${spec.words.toUpperCase()}\n\n${sentence(spec.summary)}`)
        .epilogue(spec.notes ?? "")
    },
    handler: (parsed) => {
      const depth = spec.name.split(" ").length
      onCall(toCall(spec, parsed._.slice(depth).map(String), parsed))
    },
  })
}

function toCall(
  spec: CommandSpec,
  words: readonly string[],
  parsed: Record<string, unknown>,
): Call {
  const { least, most } = wordRange(spec.words)
  if (words.length > most && spec.name === "set") throw valueAsArgument()
  if (words.length < least || words.length > most) {
    const takes = spec.words === "" ? "no arguments" : spec.words
    throw new VaultError("USAGE", `${spec.name} takes ${takes}; given: ${words.length || "none"}`, {
      hint: `see: agent-vault ${spec.name} --help`,
    })
  }
  const options: Record<string, string | true> = {}
  for (const option of Object.keys(spec.options)) {
    const value = parsed[option]
    if (typeof value === "string" || value === true) options[option] = value
  }
  return { command: spec.name, words, options }
}

/** `--generate` alone means its implied value; with one it is written `--generate=16`. */
function impliedValue(word: string): string {
  for (const { options } of COMMANDS) {
    const implied = word.startsWith("--") ? options[word.slice(2)]?.implied : undefined
    if (implied !== undefined) return `${word}=${implied}`
  }
  return word
}

/** The refusal of a value in the arguments, which does not repeat it. */
export function valueAsArgument(): VaultError {
  return new VaultError("VALUE_AS_ARGUMENT", "a value is never taken from the arguments", {
    hint: "arguments end up in the shell's history and in ps: pipe it in, or use --from-file",
  })
}

function usage(message: string | null): VaultError {
  const said = (message ?? "the command line is not understood")
    .split("\n")
    .filter(Boolean)
    .join(" ")
  const [, near] = /^Did you mean (.*)\?$/.exec(said) ?? []
  if (near !== undefined) {
    return new VaultError("USAGE", "there is no such command", { hint: `did you mean ${near}?` })
  }
  return new VaultError("USAGE", said.charAt(0).toLowerCase() + said.slice(1), {
    hint: "see: agent-vault COMMAND --help",
  })
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
