import { type ScreenPatterns, ScreenRedactor } from "../../core/index.js"
import { type Terminal, say } from "../terminal/terminal.js"
import type { Launch } from "./child.js"
import { KeysFlow } from "./keys-flow.js"
import { type Output, type Outputs, flow, notTaken, runProgram } from "./program.js"
import { ScreenFlow } from "./screen-flow.js"
import { isInFront } from "./shell.js"
import { Signals } from "./signals.js"
import { type StandIn, putBack, standIn } from "./stand-in.js"

const LOOK_AGAIN_MS = 250

/**
 * Runs a program at a terminal of its own that stands in for ours, with secrets taken out of what
 * it shows; where none can be had, with pipes, and a line says so. Returns what {@link runProgram}
 * does, and throws the same.
 */
export async function runAtTerminal(
  launch: Launch,
  outputs: Outputs,
  patterns: ScreenPatterns,
  terminal: Terminal,
): Promise<number> {
  // This makes the stream, which hears of a new size before whoever listens later.
  const size = sizeOf(terminal)
  const signals = new Signals("SIGTSTP")
  try {
    const stood = await standIn(launch, terminal)
    if (typeof stood !== "string") {
      return await new TerminalRun(terminal, size, stood, patterns, outputs).through(signals)
    }
    say(terminal, `agent-vault: the program gets pipes, not a terminal: ${stood}`)
  } finally {
    signals.release()
  }
  return runProgram(launch, outputs)
}

/** One run, from the program's start to its end, over all the times that it is stopped. */
class TerminalRun {
  readonly #terminal: Terminal
  readonly #stood: StandIn
  readonly #errors: Output
  readonly #keys: KeysFlow
  readonly #screen: ScreenFlow
  #size: string
  #looking: NodeJS.Timeout | undefined
  readonly #hear = (signal: NodeJS.Signals): void => {
    const { program } = this.#stood
    if (signal === "SIGTSTP") return program.passToGroup(signal)
    if (signal === "SIGWINCH" && this.#fit()) return
    if (signal === "SIGCONT") void this.#comeToFront()
    program.pass(signal)
  }

  constructor(
    terminal: Terminal,
    size: string,
    stood: StandIn,
    patterns: ScreenPatterns,
    { stdout, stderr }: Outputs,
  ) {
    this.#terminal = terminal
    this.#stood = stood
    this.#size = size
    this.#keys = new KeysFlow(terminal.stdin, stood.theirs)
    this.#errors = stderr
    const redactor = new ScreenRedactor(patterns)
    this.#screen = new ScreenFlow(stood.theirs, terminal.stdout, redactor, stdout.hear)
  }

  async through(signals: Signals): Promise<number> {
    const { program, own } = this.#stood
    const errors = program.stderr && flow(program.stderr, this.#errors)
    program.whenStopped(() => void this.#stop(signals))
    this.#keys.start()
    signals.passTo(this.#hear)
    try {
      const code = await program.ended
      // The program has ended, so from here on a signal ends us.
      this.#leave(signals)
      this.#screen.drain()
      const failed = await this.#screen.ended
      await own.leave()
      const error = failed ?? (await errors)
      if (error !== undefined) throw notTaken(error)
      return code
    } finally {
      this.#leave(signals)
      await putBack(this.#stood)
    }
  }

  #leave(signals: Signals): void {
    clearTimeout(this.#looking)
    this.#keys.stop()
    signals.release()
  }

  /** Gives the program's terminal the size of ours; false if it has it. */
  #fit(): boolean {
    const size = sizeOf(this.#terminal)
    if (size === this.#size) return false
    this.#size = size
    const { columns, rows } = this.#terminal.stdout
    this.#stood.theirs.resize(columns, rows)
    return true
  }

  /** The program stopped: so do we, as the whole that we are to the shell, and then go on. */
  async #stop(signals: Signals): Promise<void> {
    this.#keys.stop()
    this.#screen.catchUp()
    await this.#stood.own.leave()
    signals.stopWithGroup()
    await this.#comeToFront()
    this.#stood.program.goOn()
  }

  /** Takes the terminal, as soon as we are in front of it: a shell may let us go on behind itself. */
  async #comeToFront(): Promise<void> {
    clearTimeout(this.#looking)
    if (!isInFront()) {
      this.#keys.stop()
      this.#looking = setTimeout(() => void this.#comeToFront(), LOOK_AGAIN_MS)
      return
    }
    await this.#stood.own.enter()
    this.#fit()
    this.#keys.start()
  }
}

function sizeOf({ stdout }: Terminal): string {
  return `${stdout.columns} ${stdout.rows}`
}
