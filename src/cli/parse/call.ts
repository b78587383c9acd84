import { VaultError } from "../../core/index.js"

/** An option of a command. */
export interface OptionSpec {
  readonly describe: string
  /** The word for its value in help; without one the option is a switch. */
  readonly value?: string
  /** What stands for the value when the option is given without one. */
  readonly implied?: string
  readonly choices?: readonly string[]
  /** One letter, for `-g`. */
  readonly short?: string
  /** It may be given more than once. */
  readonly many?: true
}

export interface CommandSpec {
  /** The words that name it, for example `agent add`. */
  readonly name: string
  readonly summary: string
  /**
   * Positional arguments: `<required>`, `[optional]`, `<one or more..>`. Behind `--` they are
   * somebody else's command line, and the two dashes are not optional.
   */
  readonly words: string
  readonly options: Readonly<Record<string, OptionSpec>>
  readonly examples: readonly (readonly [command: string, what: string])[]
  readonly notes?: string
}

/** A command line, understood. */
export interface Call {
  readonly command: string
  readonly words: readonly string[]
  /** Switches are true; options have their value, or all of them. What was not given is absent. */
  readonly options: Readonly<Record<string, string | true | readonly string[]>>
}

/** Whether the words of a command are another program's command line, behind `--`. */
export function takesCommand({ words }: Pick<CommandSpec, "words">): boolean {
  return words.startsWith("-- ")
}

/** What the most of the first words name, three at most. */
export function longestNamed<T>(
  words: readonly string[],
  named: (name: string) => T | undefined,
): T | undefined {
  const lengths = [3, 2, 1].filter((length) => length <= words.length)
  const found = lengths.map((length) => named(words.slice(0, length).join(" ")))
  return found.find((spec) => spec !== undefined)
}

/** How many words a command takes. */
export function wordRange(words: string): { least: number; most: number } {
  const parts = words.split(" ").filter(Boolean)
  return {
    least: parts.filter((part) => part.startsWith("<")).length,
    most: parts.some((part) => part.includes("..")) ? Infinity : parts.length,
  }
}

/** The words as help shows them: `AGENT GROUP…`, `[FOLDER]`. */
export function shownWords(words: string): string {
  return words.replace(/[<>]/g, "").replaceAll("..", "…").toUpperCase()
}

/** An option as help shows it: `--dir FOLDER`, `-g, --group GROUP`, `--generate[=LENGTH]`. */
export function shownOption(name: string, { value, implied, short }: OptionSpec): string {
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`
  if (value === undefined) return names
  return implied === undefined ? `${names} ${value}` : `${names}[=${value}]`
}

/** The refusal of a value in the arguments, which does not repeat it. */
export function valueAsArgument(generates = false): VaultError {
  return new VaultError("VALUE_AS_ARGUMENT", "a value is never taken from the arguments", {
    hint: generates
      ? "the length to generate is written with an equals sign: --generate=LENGTH"
      : "arguments end up in the shell's history and in ps: pipe it in, or use --from-file",
  })
}
