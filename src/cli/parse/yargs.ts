import yargs from "yargs"
import { VaultError, nearest } from "../../core/index.js"
import {
  type Call,
  type CommandSpec,
  type OptionSpec,
  shownOption,
  shownWords,
  takesCommand,
  valueAsArgument,
  wordRange,
} from "./call.js"
import { nearSubcommand, shownCommand, unknownCommand } from "./help.js"
import { COMMANDS, commandOf } from "./table.js"

const OPTIONS = Object.fromEntries<OptionSpec>(
  COMMANDS.flatMap(({ options }) => Object.entries(options)),
)

/**
 * Understands any command line, or says what is wrong with it. Throws `USAGE` and
 * `VALUE_AS_ARGUMENT`, neither of which repeats a word that could be a value.
 */
export function parseFully(argv: readonly string[]): Call {
  const { _: words, "--": behind = [], $0: _script, ...options } = parse(argv)
  const named = words.map(String)
  const spec = commandOf(named)
  if (spec === undefined) throw unknownCommand(named)
  const given = Object.entries(options).flatMap(([option, value]) =>
    value === undefined || isShort(option) ? [] : [[option, asMany(spec, option, value)] as const],
  )
  for (const [option, value] of given) checkOption(spec, option, value)
  const before = named.slice(spec.name.split(" ").length)
  const isMissing = behind.length === 0 && wordRange(spec.words).least > 0
  if (takesCommand(spec) && before.length > 0 && behind.length > 0) throw wordsBefore(spec)
  if (takesCommand(spec) && (before.length > 0 || isMissing)) throw noCommand(spec)
  const rest = [...before, ...behind.map(String)]
  checkWords(spec, rest, "generate" in options)
  return {
    command: spec.name,
    words: rest,
    options: Object.fromEntries(given) as Call["options"],
  }
}

function isShort(option: string): boolean {
  return Object.values(OPTIONS).some(({ short }) => short === option)
}

/** An option may come once with one command, and many times with another. */
function asMany({ options }: CommandSpec, option: string, value: unknown): unknown {
  return options[option]?.many === true ? [value].flat() : value
}

function parse(
  argv: readonly string[],
): { _: (string | number)[]; "--"?: unknown[]; $0: string } & Record<string, unknown> {
  const names = Object.entries(OPTIONS)
  const end = argv.indexOf("--")
  const named = commandOf(argv)
  const [before, behind] = end === -1 ? [argv, []] : [argv.slice(0, end), argv.slice(end)]
  return yargs()
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail((message: string | null) => {
      const [, option = ""] = /following: ([a-z-]+)$/.exec(message ?? "") ?? []
      const known = OPTIONS[option]
      throw usage(
        known === undefined
          ? "the command line is not understood"
          : `--${option} needs a value: ${shownOption(option, known)}`,
        named === undefined ? "agent-vault help" : helpOn(named),
      )
    })
    .parserConfiguration({
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "duplicate-arguments-array": true,
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "populate--": true,
      "short-option-groups": false,
    })
    .requiresArg(names.flatMap(([name, { value }]) => (value === undefined ? [] : [name])))
    .string(names.flatMap(([name, { value }]) => (value === undefined ? [] : [name])))
    .boolean(names.flatMap(([name, { value }]) => (value === undefined ? [name] : [])))
    .alias(
      Object.fromEntries(
        names.flatMap(([name, { short }]) => (short === undefined ? [] : [[name, short]])),
      ),
    )
    .parseSync([...before.map(withImpliedValue), ...behind])
}

/** `--generate` alone means its implied value; with one it is written `--generate=16`. */
function withImpliedValue(word: string): string {
  const implied = word.startsWith("--") ? OPTIONS[word.slice(2)]?.implied : undefined
  return implied === undefined ? word : `${word}=${implied}`
}

function checkOption(spec: CommandSpec, option: string, value: unknown): void {
  const known = spec.options[option]
  if (known === undefined) throw unknownOption(spec, option)
  if (Array.isArray(value) && known.many !== true) {
    throw usage(`--${option} is given twice`, helpOn(spec))
  }
  for (const each of [value].flat()) checkValue(spec, option, known, each)
}

function checkValue(spec: CommandSpec, option: string, known: OptionSpec, value: unknown): void {
  if (value === false) throw usage(`--${option} takes no value`, helpOn(spec))
  if (value === "") {
    throw usage(`--${option} needs a value: ${shownOption(option, known)}`, helpOn(spec))
  }
  if (known.choices !== undefined && !known.choices.includes(String(value))) {
    throw usage(`--${option} is one of ${known.choices.join(", ")}`, helpOn(spec))
  }
}

function helpOn({ name }: CommandSpec): string {
  return `agent-vault help ${name}`
}

function unknownOption({ name, options }: CommandSpec, option: string): VaultError {
  const near = nearest(option, Object.keys(options))
  // Only what looks like an option is repeated.
  const shown = /^[a-z][a-z-]{0,20}$/i.test(option)
    ? `the option ${option.length === 1 ? "-" : "--"}${option}`
    : "that option"
  return usage(
    `${name} does not have ${shown}`,
    near === undefined ? `agent-vault help ${name}` : `did you mean --${near}?`,
  )
}

function noCommand({ name, words }: CommandSpec): VaultError {
  return usage(
    `${name} needs the command to run behind two dashes`,
    `agent-vault ${name} [options] ${shownWords(words)}`,
  )
}

/** As in `run stripe -- npm start`: what a program gets is named by options. */
function wordsBefore(spec: CommandSpec): VaultError {
  return usage(
    `${spec.name} takes only options before the two dashes`,
    "secret" in spec.options
      ? "-s GROUP/NAME names a secret, -g GROUP all of a group"
      : helpOn(spec),
  )
}

function checkWords(spec: CommandSpec, words: readonly string[], generates: boolean): void {
  const { least, most } = wordRange(spec.words)
  if (words.length >= least && words.length <= most) return
  const help = helpOn(spec)
  if (words.length < least) throw usage(`${spec.name} needs ${shownWords(spec.words)}`, help)
  if (spec.name === "set") throw valueAsArgument(generates)
  const [word = ""] = words
  const near = nearSubcommand(spec.name, word)
  if (near !== undefined) {
    throw usage(`${spec.name} has no ${shownCommand(word)}`, `did you mean ${near}?`)
  }
  throw usage(
    most === 0
      ? `${spec.name} takes no arguments`
      : `${spec.name} takes only ${shownWords(spec.words)}`,
    help,
  )
}

function usage(message: string, hint: string): VaultError {
  return new VaultError("USAGE", message, { hint })
}
