import { type VaultError, asVaultError } from "../core/index.js"
import { commandNamed } from "./commands.js"
import type { Door, OtherDoors } from "./door/door.js"
import { parseQuickly } from "./parse/quick.js"
import type { Call } from "./parse/call.js"
import { type Terminal, widthOf, writeOut } from "./terminal/terminal.js"
import { tellError } from "./terminal/told-error.js"

declare const AGENT_VAULT_VERSION: string

/** What the command needs of the process it runs in. */
export interface CommandProcess extends Terminal {
  cwd(): string
}

type ExitCode = number

/** What `env`, `nice` and `nohup` end with when they fail themselves, before there is a command. */
const RUN_FAILED = 125
const NOT_STARTED = new Set([126, 127])

/** Runs one command line. Returns the exit code; errors are rendered here and nowhere else. */
export async function main(
  argv: readonly string[],
  surroundings: CommandProcess,
  others: OtherDoors,
): Promise<number> {
  let call: Call | undefined
  try {
    const [first] = argv
    if (argv.length === 1 && (first === "--version" || first === "-V")) {
      await writeOut(surroundings, `${AGENT_VAULT_VERSION}\n`)
      return 0
    }
    const parsed = parseQuickly(argv) ?? (await parseWithHelp(argv, surroundings))
    if (typeof parsed === "number") return parsed
    call = parsed
    return await runCommand(call, surroundings, others)
  } catch (thrown) {
    const error = asVaultError(thrown)
    // Where the code that words it cannot be read, with too many open files, it stays as it is.
    const hint = await hintOf(error, call, surroundings).catch(() => error.hint)
    return renderError(surroundings, error, hint, argv)
  }
}

/** What needs the slow parser: help, which is shown at once, and whatever may be wrong. */
async function parseWithHelp(
  argv: readonly string[],
  terminal: Terminal,
): Promise<Call | ExitCode> {
  const { helpAsked, helpOfAll } = await import("./parse/help.js")
  const width = widthOf(terminal)
  const help = helpAsked(argv, width)
  if (help !== undefined) {
    await writeOut(terminal, help)
    return 0
  }
  if (argv.length === 0) {
    terminal.stderr.write(helpOfAll(width))
    return 2
  }
  const { parseFully } = await import("./parse/yargs.js")
  return parseFully(argv)
}

async function runCommand(
  call: Call,
  surroundings: CommandProcess,
  others: OtherDoors,
): Promise<number> {
  const { run } = await commandNamed(call.command)
  const { env } = surroundings
  const cwd = surroundings.cwd()
  const door: Door = { call, others, terminal: surroundings, env, cwd, now: new Date() }
  return (await run(door)) ?? 0
}

/** The next command, typed as the one who acted, and where they are. */
async function hintOf(
  { code, hint }: VaultError,
  call: Call | undefined,
  surroundings: CommandProcess,
): Promise<string | undefined> {
  if (hint === undefined || call === undefined) return hint
  const { asActing } = await import("./parse/typed-again.js")
  const { fromHere, toCheckOut } = await import("./door/from-here.js")
  const cwd = (): string => surroundings.cwd()
  const isLeftOut = code === "NO_VAULT" || code === "FOREIGN_VAULT"
  const left = isLeftOut ? await toCheckOut(call, cwd(), surroundings.env) : undefined
  return left ?? fromHere(asActing(hint, call), call, cwd)
}

/** Tells an error. Returns the exit code. */
function renderError(
  terminal: Terminal,
  error: VaultError,
  hint: string | undefined,
  argv: readonly string[],
): ExitCode {
  const { code, message, cause } = error
  // The codes of `run` are those of the program it ran: ours must not be mistaken for one.
  const isOurs = argv[0] === "run" && !NOT_STARTED.has(error.exitCode)
  const exitCode = isOurs ? RUN_FAILED : error.exitCode
  const end = argv.indexOf("--")
  const isJson = argv.slice(0, end === -1 ? argv.length : end).includes("--json")
  tellError(terminal, { code, message, hint, exitCode, cause }, isJson)
  return exitCode
}
