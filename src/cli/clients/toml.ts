import { TomlError, parse, stringify } from "smol-toml"
import { isObject } from "../../core/index.js"
import { NotParsed, nest } from "./jsonc.js"

/** Throws {@link NotParsed}. */
export function parseToml(text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    throw error instanceof TomlError ? new NotParsed(error.line) : error
  }
}

/** A document as TOML. */
export function toToml(document: object): string {
  return stringify(document)
}

/**
 * The text with the table at `path`, and those below it, replaced or added; all other lines stay.
 * Lines that only look like headers, in a string of several lines, are taken for headers: compare
 * what the result means with what it should.
 */
export function withTable(text: string, path: readonly string[], table: object): string {
  const newline = text.includes("\r\n") ? "\r\n" : "\n"
  const written = toToml(nest(path, table)).trimEnd().split("\n")
  const lines = text === "" ? [] : text.split(/\r?\n/)
  const before: string[] = []
  const behind: string[] = []
  let isThere = false
  for (const { isOurs, own, after } of sections(lines, path)) {
    isThere ||= isOurs
    for (const line of isOurs ? after : [...own, ...after]) (isThere ? behind : before).push(line)
  }
  if (!isThere) {
    while (before.at(-1)?.trim() === "") before.pop()
    if (before.length > 0) before.push("")
    behind.push("")
  }
  return [...before, ...written, ...behind].join(newline)
}

interface Section {
  readonly isOurs: boolean
  /** Its header and what belongs to it. */
  readonly own: readonly string[]
  /** The empty lines and comments at its end, which belong to what follows. */
  readonly after: readonly string[]
}

function sections(lines: readonly string[], path: readonly string[]): Section[] {
  const starts = lines.flatMap((line, at) => (headerOf(line) === undefined ? [] : [at]))
  return [0, ...starts].map((start, index) => {
    const end = starts[index] ?? lines.length
    const whole = lines.slice(start, end)
    let length = whole.length
    while (length > 1 && /^\s*(#.*)?$/.test(whole[length - 1] ?? "")) length -= 1
    const header = index === 0 ? undefined : headerOf(whole[0] ?? "")
    const isOurs = header !== undefined && path.every((key, depth) => header[depth] === key)
    return { isOurs, own: whole.slice(0, length), after: whole.slice(length) }
  })
}

/** The keys of a table's header, `[a."b c"]`; undefined for any other line. */
function headerOf(line: string): string[] | undefined {
  if (!/^\s*\[/.test(line)) return undefined
  let inner: unknown
  try {
    inner = parse(line)
  } catch {
    return undefined
  }
  const keys: string[] = []
  while (isObject(inner)) {
    const [entry] = Object.entries(inner)
    if (entry === undefined) break
    keys.push(entry[0])
    inner = entry[1]
  }
  return keys
}
