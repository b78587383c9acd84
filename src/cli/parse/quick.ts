import { type Call, longestNamed, takesCommand, wordRange } from "./call.js"
import { QUICK_LINES, type QuickSpec } from "./quick-table.js"

/**
 * Understands a command line if there is no doubt what it means, without loading yargs or the table.
 * Undefined leaves it to yargs: every usage error, and everything unusual.
 */
export function parseQuickly(argv: readonly string[]): Call | undefined {
  const spec = longestNamed(argv, quickSpec)
  if (spec === undefined) return undefined
  const rest = argv.slice(spec.name.split(" ").length)
  const end = rest.indexOf("--")
  const before = end === -1 ? rest : rest.slice(0, end)
  if (!before.every((word) => isPlain(spec, word))) return undefined
  if (takesCommand(spec) && end === -1) return undefined
  const parsed = readPlain(spec, before)
  if (parsed === undefined) return undefined
  // What stands in front of `--` is no word of the command to run.
  if (takesCommand(spec) && parsed.words.length > 0) return undefined
  const words = [...parsed.words, ...rest.slice(before.length + 1)]
  const { least, most } = wordRange(spec.words)
  if (words.length < least || words.length > most) return undefined
  return { command: spec.name, words, options: parsed.options }
}

/** What the command of this name is understood by; undefined when there is none. */
export function quickSpec(name: string): QuickSpec | undefined {
  // What stands between a line's end and a tab is a name, and nothing else is.
  const before = `\n${name}\t`
  const at = /[\n\t]/.test(name) ? -1 : QUICK_LINES.indexOf(before)
  if (at === -1) return undefined
  const end = QUICK_LINES.indexOf("\n", at + 1)
  const json = QUICK_LINES.slice(at + before.length, end === -1 ? undefined : end)
  return JSON.parse(json) as QuickSpec
}

/** Of no form in which the two parsers could differ. */
function isPlain({ options }: QuickSpec, word: string): boolean {
  if (word === "true" || word === "false") return false
  if (!word.startsWith("-") || word === "-") return word !== ""
  const [, letter] = /^-([a-z])$/.exec(word) ?? []
  if (letter !== undefined) return Object.values(options).some(({ short }) => short === letter)
  const [, name = "", value] = /^--([a-z][a-z-]*)(=.+)?$/s.exec(word) ?? []
  const option = Object.hasOwn(options, name) ? options[name] : undefined
  if (option === undefined) return false
  return value !== undefined || option.implied === undefined
}

/**
 * The words and options of arguments that are plain. Undefined for what yargs would refuse, or might.
 * Node's `parseArgs` does no more with them, and takes a millisecond to be loaded.
 */
function readPlain(
  spec: QuickSpec,
  args: readonly string[],
): Pick<Call, "words" | "options"> | undefined {
  const words: string[] = []
  const options: Record<string, string | true | string[]> = {}
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? ""
    const [name, inline] = optionIn(spec, word)
    const option = name === undefined ? undefined : spec.options[name]
    if (name === undefined || option === undefined) {
      words.push(word)
      continue
    }
    if (option.value === undefined) {
      if (inline !== undefined || name in options) return undefined
      options[name] = true
      continue
    }
    const value = inline ?? args[(at += 1)]
    if (value === undefined || (inline === undefined && /^-./s.test(value))) return undefined
    if (option.choices?.includes(value) === false) return undefined
    const before = options[name]
    if (option.many !== true && before !== undefined) return undefined
    options[name] = option.many === true ? [...(Array.isArray(before) ? before : []), value] : value
  }
  return { words, options }
}

/** The option that a plain argument is, and the value behind its `=`. */
function optionIn(
  { options }: QuickSpec,
  word: string,
): [name: string | undefined, inline?: string] {
  if (!word.startsWith("-") || word === "-") return [undefined]
  if (!word.startsWith("--")) {
    return [Object.keys(options).find((name) => options[name]?.short === word.slice(1))]
  }
  const equals = word.indexOf("=")
  return equals === -1 ? [word.slice(2)] : [word.slice(2, equals), word.slice(equals + 1)]
}
