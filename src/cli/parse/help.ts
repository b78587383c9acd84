import { VaultError, nearest } from "../../core/index.js"
import { type CommandSpec, type OptionSpec, shownOption, shownWords, takesCommand } from "./call.js"
import { commandParts } from "./command-parts.js"
import { COMMANDS, commandOf, familyOf, isAboutWho } from "./table.js"

const INDENT = "  "
const NARROW = 60
const WIDEST = 100

/**
 * The help that a command line asks for: `help`, `help get`, `get --help`, `-h`. Undefined when it
 * asks for none. Throws `USAGE` for the help of a command that does not exist.
 */
export function helpAsked(argv: readonly string[], width: number): string | undefined {
  const end = argv.indexOf("--")
  const before = end === -1 ? argv : argv.slice(0, end)
  const asks = before.some((word) => word === "--help" || word === "-h")
  if (!asks && argv[0] !== "help") return undefined
  const words = before.filter((word) => !word.startsWith("-"))
  if (words[0] === "help") words.shift()
  const [first] = words
  if (first === undefined) return helpOfAll(width)
  const spec = specAmong(words, before[0]?.startsWith("-") === true)
  if (spec !== undefined) return helpOf(spec, width)
  const { commands } = familyOf(words)
  if (commands.length > 0) return lines(["Commands:", ...summaries(commands, width)])
  throw unknownCommand(words)
}

/** The error of a command that does not exist. A word that could be a value is not repeated. */
export function unknownCommand(words: readonly string[]): VaultError {
  const { name: family, commands } = familyOf(words)
  const next = words[family.split(" ").length]
  const known = commands.map(({ name }) => name).join(", ")
  const message =
    commands.length === 0
      ? `there is no ${shownCommand(words[0] ?? "")}`
      : next === undefined
        ? `${family} what? There is ${known}`
        : `${family} has no ${shownCommand(next)}: there is ${known}`
  // The name of a family is not mistyped: what is near is one of its own commands.
  const isFamily = commands.length > 0
  const typed = words.slice(family.split(" ").length)
  const meant =
    isFamily && next !== undefined
      ? (nearSubcommand(family, typed.slice(0, 2).join(" ")) ?? nearSubcommand(family, next))
      : undefined
  const near = isFamily ? meant && `did you mean ${meant}?` : guess(words)
  const help = isFamily ? `agent-vault help ${family}` : "agent-vault help lists the commands"
  return new VaultError("USAGE", message, { hint: near ?? help })
}

/** `command instal`; only what looks like the name of one is repeated. */
export function shownCommand(word: string): string {
  return /^[a-z][a-z-]{0,20}$/.test(word) ? `command ${word}` : "such command"
}

/** The command of a family that a word behind its name comes near: `guard instal`. */
export function nearSubcommand(family: string, word: string): string | undefined {
  const { length } = `${family} `
  const names = COMMANDS.map(({ name }) => name).filter((name) => name.startsWith(`${family} `))
  // The name of the family was typed as it is, and brings nothing near. A family may be in it.
  const near = nearest(
    word,
    names.map((name) => name.slice(length)).flatMap((name) => [name, name.split(" ")[0] ?? ""]),
  )
  return near === undefined ? undefined : `${family} ${near}`
}

/** What all commands are, and where to begin. */
export function helpOfAll(width: number): string {
  return lines([
    "Usage: agent-vault COMMAND",
    "",
    "A Git-native secret vault for AI agents.",
    "",
    ...commandParts().flatMap(([title, specs]) => [
      title,
      ...summaries(specs, width, COMMANDS),
      "",
    ]),
    ...paragraph(
      "From nothing to an agent's first secret: init, agent add NAME, set GROUP/NAME, grant NAME GROUP.",
      width,
    ),
    ...paragraph("Help of one command: agent-vault help COMMAND. Version: agent-vault -V.", width),
  ])
}

/** How one command is used. */
function helpOf(spec: CommandSpec, width: number): string {
  const { summary, examples, notes } = spec
  const options = Object.entries<OptionSpec>(spec.options)
  const own = options.filter(([option]) => !isAboutWho(spec.options, option))
  const who = options.filter(([option]) => isAboutWho(spec.options, option))
  return lines([
    `Usage: agent-vault ${usageOf(spec)}`,
    "",
    ...paragraph(sentence(summary), width),
    ...section("Options:", optionRows(own), width),
    ...section("Who acts:", optionRows(who), width),
    "",
    "Examples:",
    ...examples.flatMap(([command, what]) => [`${INDENT}${command}`, `${INDENT.repeat(3)}${what}`]),
    ...(notes === undefined ? [] : ["", ...paragraph(notes, width)]),
  ])
}

/** Options behind two dashes would be the program's. */
function usageOf(spec: CommandSpec): string {
  const options = Object.keys(spec.options).length > 0 ? "[options]" : ""
  const words = shownWords(spec.words)
  const order = takesCommand(spec) ? [options, words] : [words, options]
  return [spec.name, ...order].filter(Boolean).join(" ")
}

/** A summary as a sentence. */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

/** What follows a mistyped command is not taken for one: `agrement list` is not list. */
function specAmong(words: readonly string[], isBehindOption: boolean): CommandSpec | undefined {
  if (!isBehindOption) return commandOf(words)
  // The value of an option may come first: `--dir /tmp get --help`.
  const found = words.map((_word, at) => commandOf(words.slice(at)))
  return found.find((spec) => spec !== undefined)
}

/** What other programs call a command of ours. */
const CALLED_ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["ls", "list"],
  ["secrets", "list"],
  ["cat", "get"],
  ["show", "get"],
  ["read", "get"],
  ["exec", "run"],
  ["add", "set"],
  ["put", "set"],
  ["insert", "set"],
  ["delete", "rm"],
  ["remove", "rm"],
  ["rename", "mv"],
  ["log", "history"],
  ["agents", "agent list"],
  ["groups", "group list"],
  ["owners", "owner list"],
  ["keys", "key list"],
  ["policies", "policy show"],
  ["push", "sync"],
  ["pull", "sync"],
  ["whoami", "status"],
  ["version", "-V"],
])

/**
 * `gte` is near get, and `agent ad` near agent add. `rekey` may mean agent rekey or group rekey: where
 * one alone has it, what that does is said, since it is more than what was typed.
 */
function guess(words: readonly string[]): string | undefined {
  const [first = "", second = ""] = words
  const having = COMMANDS.filter(({ name }) => first !== "" && ` ${name} `.includes(` ${first} `))
  const [last, ...others] = having
  const elsewhere = CALLED_ELSEWHERE.get(first)
  if (elsewhere !== undefined || others.length > 0) {
    const meant = [elsewhere ?? [], having.map(({ name }) => name)].flat()
    return `did you mean ${meant.join(", or ")}?`
  }
  if (last !== undefined) return `did you mean ${last.name}? It is to ${last.summary}`
  const names = COMMANDS.map(({ name }) => name)
  const typed = [words.slice(0, 3).join(" "), `${first} ${second}`, first]
  const near = typed.map((each) => nearest(each, names)).find((name) => name !== undefined)
  return near === undefined ? undefined : `did you mean ${near}?`
}

type HelpRow = readonly [left: string, right: string]

/** What commands do, at the column that they share with all of `beside`. */
function summaries(specs: readonly CommandSpec[], width: number, beside = specs): string[] {
  const rows = specs.map(({ name, summary }) => [name, summary] as const)
  return columns(rows, width, widest(beside.map(({ name }) => name)))
}

function optionRows(options: readonly (readonly [string, OptionSpec])[]): HelpRow[] {
  return options.map(([name, spec]) => {
    const choices = spec.choices === undefined ? "" : `: ${spec.choices.join(", ")}`
    return [shownOption(name, spec), `${spec.describe}${choices}`]
  })
}

function section(title: string, rows: readonly HelpRow[], width: number): string[] {
  return rows.length === 0 ? [] : ["", title, ...columns(rows, width)]
}

/** Two columns; on a narrow terminal, one below the other. */
function columns(
  rows: readonly HelpRow[],
  width: number,
  left = widest(rows.map(([cell]) => cell)),
): string[] {
  if (width < NARROW) {
    return rows.flatMap(([cell, text]) => [
      `${INDENT}${cell}`,
      ...paragraph(text, width, INDENT.repeat(3)),
    ])
  }
  return rows.flatMap(([cell, text]) => {
    const pad = INDENT.repeat(2) + " ".repeat(left)
    const [first = "", ...more] = paragraph(text, width, pad)
    return [`${INDENT}${cell.padEnd(left)}${INDENT}${first.slice(pad.length)}`, ...more]
  })
}

function widest(cells: readonly string[]): number {
  return cells.reduce((most, { length }) => Math.max(most, length), 0)
}

/** Text in lines of at most `width`, each behind `indent`. */
function paragraph(text: string, width: number, indent = ""): string[] {
  const most = Math.max(Math.min(width, WIDEST) - indent.length, 20)
  const wrapped: string[] = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > most) {
      wrapped.push(indent + line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...wrapped, indent + line]
}

function lines(parts: readonly string[]): string {
  return `${parts.join("\n")}\n`
}
