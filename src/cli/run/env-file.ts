import { LIMITS, VaultError, parseSecretName, parseVariableName } from "../../core/index.js"
import { readLimited } from "../terminal/limited-file.js"

/** A variable of a file, and where it stands: a text as it is, or the name of a secret. */
export interface FileVariable {
  readonly variable: string
  /** `.env.vault:3` */
  readonly at: string
  readonly value: { readonly text: string } | { readonly secret: string }
}

const BLANK = /[^\S\n]*(?:#[^\n]*)?\n/y
const NAME = /[^\S\n]*(?:export[^\S\n]+)?([^\s=]+)[^\S\n]*=/y
const SINGLE = /[^\S\n]*'([^']*)'/y
const DOUBLE = /[^\S\n]*"([^"\\]*(?:\\[^][^"\\]*)*)"/y
const PLAIN = /([^\n]*)\n/y

/**
 * Reads a file of variables, in the syntax of `.env` files: `NAME=VALUE`, `export` in front, comments
 * from `#` on, values in single or double quotes, which may be of several lines. Between double
 * quotes `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are escapes. Fills in nothing and runs nothing. A
 * value `av://GROUP/NAME` stands for a secret. Throws `CONFIG_INVALID`, `NO_ACCESS`, and never
 * repeats what the file holds.
 */
export function readEnvFile(path: string, shown: string): FileVariable[] {
  return parseEnvFile(readText(path, shown), shown)
}

/**
 * The same for a file that Node has read before us, by its own rules, since Node has an option of
 * the same name. If Node may have obeyed something in it, reads nothing and starts nothing.
 */
export function readNodesEnvFile(path: string, shown: string): FileVariable[] {
  const text = readText(path, shown)
  if (!text.includes("NODE_OPTIONS")) return parseEnvFile(text, shown)
  throw new VaultError(
    "CONFIG_INVALID",
    `${shown} holds NODE_OPTIONS, which Node obeys by itself`,
    {
      hint: "take it out; and use --env-from, into which Node does not look",
    },
  )
}

/** The variables of a text; `shown` is what errors call the file. */
export function parseEnvFile(text: string, shown: string): FileVariable[] {
  const reader = new TextReader(`${text.replace(/\r\n?/g, "\n")}\n`)
  const variables: FileVariable[] = []
  while (!reader.isAtEnd()) {
    if (reader.take(BLANK) !== undefined) continue
    const at = `${shown}:${reader.line()}`
    const variable = parseName(reader.take(NAME), at)
    const value = parseReference(takeValue(reader, at), at)
    variables.push({ variable, at, value })
  }
  return variables
}

/** Takes what matches at its place, and knows the line. */
class TextReader {
  readonly #text: string
  #at = 0
  /** The line of the place up to which line ends were counted. */
  #lines = 1
  #counted = 0

  constructor(text: string) {
    this.#text = text
  }

  isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  line(): number {
    for (; this.#counted < this.#at; this.#counted += 1) {
      if (this.#text[this.#counted] === "\n") this.#lines += 1
    }
    return this.#lines
  }

  /** What the expression's group matched, or all of it; undefined if it does not match here. */
  take(expression: RegExp): string | undefined {
    expression.lastIndex = this.#at
    const match = expression.exec(this.#text)
    if (match === null) return undefined
    this.#at = expression.lastIndex
    return match[1] ?? match[0]
  }

  /** What follows, without white space. */
  next(): string | undefined {
    return /[^\S\n]*(.)/y.exec(this.#text.slice(this.#at, this.#at + 256))?.[1]
  }
}

function parseName(name: string | undefined, at: string): string {
  if (name === undefined) throw invalid(at, "NAME= is missing")
  try {
    return parseVariableName(name)
  } catch {
    throw invalid(at, "what stands before = is not a variable name", UNNAMEABLE)
  }
}

function takeValue(reader: TextReader, at: string): string {
  const quote = reader.next()
  if (quote === "`") throw invalid(at, "a value stands in single or double quotes, or in none")
  if (quote !== "'" && quote !== '"') return unquoted(reader.take(PLAIN) ?? "", at)
  const value = reader.take(quote === "'" ? SINGLE : DOUBLE)
  if (value === undefined) throw invalid(at, "the quotes that begin here have no end")
  if (reader.take(BLANK) === undefined) {
    throw invalid(at, "something follows the quotes: put all of the value between them")
  }
  return withoutZero(quote === "'" ? value : value.replace(/\\([nrt"\\$])/g, unescape), at)
}

/** A `#` begins a comment where white space is in front of it, so that `a#b` is a value. */
function unquoted(rest: string, at: string): string {
  return withoutZero(rest.replace(/\s#.*$/, "").trim(), at)
}

function withoutZero(value: string, at: string): string {
  if (value.includes("\0")) throw invalid(at, "there is a zero byte, which no variable can hold")
  return value
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" }

function unescape(_escape: string, letter: string): string {
  return ESCAPES[letter] ?? letter
}

/** A value that begins like a reference has to be one: as a text it would reach the program. */
function parseReference(text: string, at: string): FileVariable["value"] {
  if (!/^\s*av:/i.test(text)) return { text }
  try {
    const [, name = ""] = /^av:\/\/(.*)$/s.exec(text) ?? []
    return { secret: parseSecretName(name).full }
  } catch {
    throw invalid(at, "a reference to a secret is av://GROUP/NAME, and nothing else")
  }
}

const LINE = "a line is NAME=VALUE, or NAME=av://GROUP/NAME"
/** What programs that parse such files themselves let pass, and no shell. */
const UNNAMEABLE =
  "a name has letters, digits and _, and begins with no digit: give it such a name there; or leave the line out, and store its value alone: agent-vault set GROUP/NAME"

function invalid(at: string, what: string, hint = LINE): VaultError {
  return new VaultError("CONFIG_INVALID", `${at}: ${what}`, { hint })
}

function readText(path: string, shown: string): string {
  const bytes = bytesOf(path, shown)
  if (bytes === undefined) throw invalid(shown, "it is larger than 1 MiB")
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    throw invalid(shown, "it is not UTF-8 text")
  }
}

function bytesOf(path: string, shown: string): Buffer | undefined {
  try {
    return readLimited(path, LIMITS.envFile)
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : ""
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT"
    const what = isMissing ? `there is no file ${shown}` : `${shown} cannot be read${why}`
    throw new VaultError("NO_ACCESS", what, {
      hint: "give the right path to --env-from",
      cause,
    })
  }
}
