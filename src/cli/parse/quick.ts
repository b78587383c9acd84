import { parseArgs } from "node:util"
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
  const parsed = tryParse(spec, rest)
  if (parsed === undefined) return undefined
  const { least, most } = wordRange(spec.words)
  if (parsed.words.length < least || parsed.words.length > most) return undefined
  return { command: spec.name, ...parsed }
}

function quickSpec(name: string): QuickSpec | undefined {
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

function tryParse(
  spec: QuickSpec,
  args: readonly string[],
): Pick<Call, "words" | "options"> | undefined {
  // A commit's guard has no arguments, and Node loads its parser when it is first used.
  if (args.length === 0) return { words: [], options: {} }
  const known = Object.entries(spec.options)
  const options = Object.fromEntries(
    known.map(([option, { value, short, many = false }]) => [
      option,
      {
        type: value === undefined ? ("boolean" as const) : ("string" as const),
        multiple: many,
        ...(short === undefined ? {} : { short }),
      },
    ]),
  )
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true, tokens: true })
    const { values, positionals, tokens } = parsed
    const given = tokens.flatMap((token) => (token.kind === "option" ? [token.name] : []))
    const once = given.filter((name) => spec.options[name]?.many !== true)
    if (new Set(once).size !== once.length) return undefined
    const end = tokens.find(({ kind }) => kind === "option-terminator")?.index ?? Infinity
    const isEarly = tokens.some(({ kind, index }) => kind === "positional" && index < end)
    if (takesCommand(spec) && isEarly) return undefined
    const isWrong = ([option, { choices }]: (typeof known)[number]): boolean =>
      option in values && choices?.includes(String(values[option])) === false
    if (known.some(isWrong)) return undefined
    return { words: positionals, options: { ...values } as Call["options"] }
  } catch {
    return undefined
  }
}
