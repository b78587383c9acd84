import { kill } from "node:process"
import type { Duplex, Readable, Writable } from "node:stream"
import { type Launch, type Pipe, endOf, readable } from "./child.js"
import { notStarted, refuseUnstartable } from "./not-started.js"
import { type ShellProcess, type StdioOptions, shellFor, startShell } from "./shell.js"

/**
 * A shell that has the program as its one job, for nothing but a shell with jobs can be told that
 * one was stopped. It knows no secret. Its arguments: whether stderr is the terminal too, the words
 * that start a shell, how the program begins, and the program. On descriptor 3 it hears the path of
 * the terminal and its settings, tells how the job stands, and hears whether it shall go on; 5 is
 * the program's stderr, for the shell's own words are for nobody.
 */
const MONITOR = `
stderr=$1 sh=$2 beginning=$3
shift 3
read -r tty settings <&3 || exit
exec 0<>"$tty" 1>&0
[ "$stderr" = terminal ] && exec 2>&0
command -p stty "$settings" 2>/dev/null
exec 5>&2 2>/dev/null
set -m
trap : INT
$sh -c "$beginning" sh "$@"
code=$?
while echo "status $code" >&3; read -r answer <&3; do
  [ "$answer" = "go on" ] || exit "$code"
  fg >/dev/null
  code=$?
done
exit "$code"`

/** What becomes the program: it takes the values, from descriptor 4, into its environment alone. */
const BEGINNING = `eval "$(command -p cat <&4)"; echo "program $$" >&3; exec "$@" 2>&5 3>&- 4<&- 5>&-`

/** A program in a session of its own, whose terminal is a pseudo-terminal. */
export interface MonitoredProgram {
  /** Its exit code, or 128 and the number of the signal that ended it. */
  readonly ended: Promise<number>
  /** What it writes to stderr, if that is not its terminal. */
  readonly stderr: Readable | undefined
  /** Gives it the terminal, with these settings; resolves when it has it. */
  begin(path: string, settings: string): Promise<void>
  /** It gets no terminal, and does not begin. */
  abandon(): void
  pass(signal: NodeJS.Signals): void
  /** To its whole group of processes, as a key does. */
  passToGroup(signal: NodeJS.Signals): void
  whenStopped(act: () => void): void
  /** After it stopped. */
  goOn(): void
}

/**
 * Starts a program that waits for its terminal. Throws `COMMAND_NOT_FOUND`, `COMMAND_NOT_STARTED`.
 */
export async function startMonitored(
  launch: Launch,
  stderr: "terminal" | "pipe" | Pipe,
): Promise<MonitoredProgram> {
  const { command, args, env } = launch
  refuseUnstartable([command, ...args], env)
  const given = launch.given ?? new Map<string, string>()
  const others = Object.fromEntries(Object.entries(env).filter(([name]) => !given.has(name)))
  const shell = shellFor(others)
  const isTerminal = stderr === "terminal"
  const words = [isTerminal ? stderr : "pipe", shell.join(" "), BEGINNING, command, ...args]
  const written = isTerminal ? "ignore" : stderr === "pipe" ? stderr : stderr.written
  const stdio: StdioOptions = ["ignore", "ignore", written, "pipe", "pipe"]
  const monitor = startShell(MONITOR, words, { shell, env: others, stdio })
  await new Promise((resolve, reject) => {
    monitor.once("spawn", resolve)
    monitor.once("error", (error) => reject(notStarted(command, env, error)))
  })
  const read = typeof stderr === "string" ? monitor.stderr : readable(stderr)
  return monitoredBy(monitor, given, read ?? undefined)
}

function monitoredBy(
  monitor: ShellProcess,
  given: ReadonlyMap<string, string>,
  stderr: Readable | undefined,
): MonitoredProgram {
  const [control, values] = [monitor.stdio[3] as Duplex, monitor.stdio[4] as Writable]
  for (const stream of [control, values]) stream.on("error", () => {})
  values.end([...given].map(([name, value]) => exported(name, value)).join(""))
  const ended = endOf(monitor)
  let program: number | undefined
  let begun: (() => void) | undefined
  let stopped: (() => void) | undefined
  const early: NodeJS.Signals[] = []
  const pass = (signal: NodeJS.Signals): void => {
    if (program === undefined) early.push(signal)
    else signalTo(program, signal)
  }
  eachLine(control, (line) => {
    begun?.()
    const [word, number] = line.split(" ")
    if (word === "program") {
      program = Number(number)
      for (const signal of early.splice(0)) pass(signal)
    } else if (program !== undefined && isAlive(program)) stopped?.()
    else control.write("end\n")
  })
  return {
    ended,
    stderr,
    begin: async (path, settings) => {
      control.write(`${path} ${settings}\n`)
      await Promise.race([new Promise<void>((resolve) => (begun = resolve)), ended])
    },
    abandon: () => control.end(),
    pass,
    passToGroup: (signal) => {
      if (program !== undefined) signalTo(-program, signal)
    },
    whenStopped: (act) => (stopped = act),
    goOn: () => control.write("go on\n"),
  }
}

function exported(name: string, value: string): string {
  return `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'\n`
}

function eachLine(stream: Duplex, take: (line: string) => void): void {
  let rest = ""
  stream.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) take(line)
  })
}

/** Whether a job that is not running was stopped: if it has ended, the monitor has seen it off. */
function isAlive(pid: number): boolean {
  try {
    return kill(pid, 0)
  } catch {
    return false
  }
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    kill(pid, signal)
  } catch {
    // It has ended, or became another user's.
  }
}
