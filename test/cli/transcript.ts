/**
 * A transcript is a session at a shell, with what it must print:
 *
 *     & vault                       begins with the vault of `vaultMachine`, not an empty repository
 *     # A comment, after an empty line.
 *     -- notes/value.txt --
 *     a file, in the repository, up to a line --
 *     --
 *     $ agent-vault list            a command, for bash
 *     stripe/api-key  1  [..]       stdout; [..] stands for anything in a line
 *     [...]                         and this for any number of lines
 *     ! agent-vault: USAGE: [..]    stderr
 *     ? 2                           the exit code, if it is not 0
 *
 * `$= ` is a command that must change nothing: no file of the repository, the keys and the state.
 * Empty lines do not count, nor how many spaces are between columns. `~` stands for the home folder.
 */
export const VAULT = "& vault"

export type Step = CommandStep | { readonly file: string; readonly content: string }

export interface CommandStep {
  readonly command: string
  readonly changesNothing: boolean
  readonly stdout: readonly string[]
  readonly stderr: readonly string[]
  readonly code: number
  /** Where the command stands, from 1, and the line after what it must print. */
  readonly line: number
  readonly end: number
}

/** Takes a transcript apart. Throws for a line that belongs to no command. */
export function parseTranscript(text: string): Step[] {
  const lines = text.split("\n")
  const steps: Step[] = []
  for (let at = 0; at < lines.length;) {
    const line = lines[at] ?? ""
    const [, file] = /^-- (.+) --$/.exec(line) ?? []
    if (file !== undefined) {
      const end = lines.indexOf("--", at)
      steps.push({ file, content: `${lines.slice(at + 1, end).join("\n")}\n` })
      at = end + 1
    } else if (line.startsWith("$")) {
      const end = endOfStep(lines, at + 1)
      steps.push(parseStep(line, lines.slice(at + 1, end), at + 1, end))
      at = end
    } else if (line === "" || line.startsWith("# ") || line === VAULT) at += 1
    else throw new Error(`line ${at + 1} belongs to no command: ${line}`)
  }
  return steps
}

/** What is wrong with output, undefined if it is as expected. */
export function difference(expected: readonly string[], actual: string): string | undefined {
  const lines = linesOf(actual)
  if (matches(expected, lines)) return undefined
  return `expected:\n${indent(expected)}\nbut it was:\n${indent(lines)}`
}

/** A step as it would be written for what happened; ids, times, hashes and keys are left open. */
export function written(step: CommandStep, ran: { stdout: string; stderr: string; code: number }) {
  return [
    `$${step.changesNothing ? "=" : ""} ${step.command}`,
    ...linesOf(ran.stdout).map(leftOpen),
    ...linesOf(ran.stderr).map((line) => `! ${leftOpen(line)}`),
    ...(ran.code === 0 ? [] : [`? ${ran.code}`]),
  ]
}

function endOfStep(lines: readonly string[], from: number): number {
  const isNext = (line: string, at: number): boolean =>
    /^(\$|-- )/.test(line) || (line.startsWith("# ") && lines[at - 1] === "")
  const next = lines.findIndex((line, at) => at >= from && isNext(line, at))
  return next === -1 ? lines.length : next
}

function parseStep(
  first: string,
  lines: readonly string[],
  line: number,
  end: number,
): CommandStep {
  const said = lines.filter((text) => text !== "")
  const code = said.find((text) => text.startsWith("? "))
  return {
    command: first.replace(/^\$=? /, ""),
    changesNothing: first.startsWith("$="),
    stdout: said.filter((text) => !/^[!?] /.test(text)),
    stderr: said.filter((text) => text.startsWith("! ")).map((text) => text.slice(2)),
    code: Number(code?.slice(2) ?? 0),
    line,
    end,
  }
}

function matches(expected: readonly string[], actual: readonly string[]): boolean {
  const [first, ...rest] = expected
  if (first === undefined) return actual.length === 0
  if (first === "[...]") {
    return actual.some((_line, at) => matches(rest, actual.slice(at))) || matches(rest, [])
  }
  const [line, ...others] = actual
  return line !== undefined && matchesLine(first, line) && matches(rest, others)
}

function matchesLine(expected: string, actual: string): boolean {
  const parts = narrow(expected).split("[..]")
  const pattern = parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join(".*")
  return new RegExp(`^${pattern}$`, "u").test(narrow(actual))
}

/** Columns are as wide as what is in them, which is not always the same. */
function narrow(line: string): string {
  return line.replace(/ {2,}/g, "  ")
}

function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "")
}

const OPEN =
  /\b(?:age1(?:pq1)?[a-z0-9]{30,}|AGE-SECRET-KEY-[0-9A-Z-]+|\d{4}-\d\d-\d\dT[\d:]+Z|[0-9a-f]{32,}|sha256:[0-9a-f]+)\b|(?<=commit )[0-9a-f]{10}\b|(?<=--plan |plan is )[0-9a-f]{12}|ed25519:[\w-]{43}|(?<=  )(?:now|\d+ (?:min|h|d))(?=  |$)/g

function leftOpen(line: string): string {
  return line.replace(OPEN, "[..]")
}

function indent(lines: readonly string[]): string {
  return lines.length === 0 ? "    (nothing)" : lines.map((line) => `    ${line}`).join("\n")
}
