import { parseArgs } from "node:util"
import { type Call, type CommandSpec, wordRange } from "./call.js"
import { specOf } from "./table.js"

/** The commands that must start fast: they are parsed without yargs. */
const QUICK = new Set(["get"])

/**
 * Understands a command line of a quick command if there is no doubt what it means. Undefined
 * leaves it to yargs: every usage error, every help text, everything unusual.
 */
export function parseQuickly(argv: readonly string[]): Call | undefined {
  const [name, ...rest] = argv
  const spec = name !== undefined && QUICK.has(name) ? specOf(name) : undefined
  if (spec === undefined || !rest.every(isPlain)) return undefined
  const parsed = tryParse(spec, rest)
  if (parsed === undefined) return undefined
  const { least, most } = wordRange(spec.words)
  if (parsed.words.length < least || parsed.words.length > most) return undefined
  return { command: spec.name, ...parsed }
}

/** Printable, not empty, and no form in which the two parsers could differ. */
function isPlain(word: string): boolean {
  return /^(--[a-z][a-z-]*(=[^=].*)?|[^-].*)$/.test(word) && !word.startsWith("--no-")
}

function tryParse(
  spec: CommandSpec,
  args: readonly string[],
): Pick<Call, "words" | "options"> | undefined {
  const options = Object.fromEntries(
    Object.entries(spec.options).map(([option, { value }]) => [
      option,
      { type: value === undefined ? ("boolean" as const) : ("string" as const) },
    ]),
  )
  try {
    const { values, positionals, tokens } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      strict: true,
      tokens: true,
    })
    const given = tokens.flatMap((token) => (token.kind === "option" ? [token.name] : []))
    if (new Set(given).size !== given.length) return undefined
    return { words: positionals, options: values as Record<string, string | true> }
  } catch {
    return undefined
  }
}
