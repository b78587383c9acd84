import type { Readable, Writable } from "node:stream"
import { setImmediate } from "node:timers/promises"
import { isatty } from "node:tty"
import { type Redactor, VaultError, attempted } from "../../core/index.js"
import { type Child, type Launch, codeOf, start } from "./child.js"
import { isClosedPipe } from "../terminal/terminal.js"
import { Signals } from "./signals.js"

/** Where a stream of the program goes, and what is taken out of it on the way. */
export interface Output {
  /** These two are asked for with the first piece: a program that shows nothing costs neither. */
  readonly to: () => Writable
  readonly redactor: () => Redactor
  /** Hears of which secrets it found something so far, after each piece. */
  readonly hear: (found: readonly string[]) => void
}

/** Where both streams of the program go. */
export interface Outputs {
  readonly stdout: Output
  readonly stderr: Output
}

/**
 * Has each secret noted once of which something was taken out of what a program wrote, as soon as it
 * is known. Nothing leaves by that, so what cannot be noted stops nothing.
 */
export function hearEach(note: (secret: string) => void): Output["hear"] {
  const noted = new Set<string>()
  return (found) => {
    for (const secret of found) {
      if (noted.has(secret)) continue
      noted.add(secret)
      attempted(() => note(secret))
    }
  }
}

/** A terminal sends these to all processes in front of it, the child among them. */
const SENT_BY_TERMINALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGQUIT", "SIGWINCH"]

/**
 * Runs a program to its end, and the ends of its output. Returns its exit code, or 128 and the
 * number of the signal that ended it. Throws `COMMAND_NOT_FOUND`, `COMMAND_NOT_STARTED`; and
 * `NO_ACCESS` if its output was not taken, which is not said of a reader that has gone.
 */
export async function runProgram(command: Launch, outputs: Outputs | undefined): Promise<number> {
  const signals = new Signals()
  try {
    const child = await start(command, outputs !== undefined)
    // At once: Node drops what nobody reads of a child that has ended.
    const flows = outputs === undefined ? [] : bothFlows(child, outputs)
    // What follows is done while the program begins. Node asks for stderr when a pipe has ended.
    if (outputs !== undefined) void process.stderr
    const isAtTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor))
    const sentAnyway = isAtTerminal ? SENT_BY_TERMINALS : []
    // What came before the child was there is heard of in the next round, and is not the child's yet.
    await setImmediate()
    const pass = passing(child)
    signals.passTo((signal) => {
      if (!sentAnyway.includes(signal)) pass(signal)
    }, pass)
    const code = await child.ended
    // The child has ended, so from here on a signal ends us.
    signals.release()
    const failed = (await Promise.all(flows)).find((error) => error !== undefined)
    if (failed !== undefined) throw notTaken(failed)
    return code
  } finally {
    signals.release()
  }
}

/** What a child gets of our signals. SIGTSTP is not passed: it stops us as it stops any program. */
function passing(child: Child): (signal: NodeJS.Signals) => void {
  return (signal) => {
    // On Windows the console tells all its processes, and nothing else can be passed on.
    if (process.platform !== "win32") child.pass(signal)
  }
}

function bothFlows({ written }: Child, { stdout, stderr }: Outputs): Promise<Error | undefined>[] {
  const [first, second] = written
  if (first === undefined || second === undefined) throw new TypeError("there are two streams")
  return [flow(first, stdout), flow(second, stderr)]
}

/**
 * Hands on all that comes, no faster than it is taken. If it cannot be taken, the stream is closed,
 * so that the writer sees what it would see without us. Resolves with the error, if there is one.
 */
export function flow(from: Readable, output: Output): Promise<Error | undefined> {
  return new Promise((resolve) => {
    let flowing: { readonly to: Writable; readonly redactor: Redactor } | undefined
    const stop = (error: Error): void => {
      from.destroy()
      resolve(isClosedPipe(error) ? undefined : error)
    }
    from.on("data", (chunk: Buffer) => {
      if (flowing === undefined) {
        flowing = { to: output.to(), redactor: output.redactor() }
        flowing.to.once("error", stop)
      }
      const { to, redactor } = flowing
      const redacted = redactor.push(chunk)
      output.hear(redactor.foundNames)
      if (redacted.length === 0 || to.write(redacted)) return
      from.pause()
      to.once("drain", () => from.resume())
    })
    // A stream that breaks has come to its end: whoever wrote is gone.
    from.once("error", () => from.emit("end"))
    from.once("end", () => {
      if (flowing === undefined) return resolve(undefined)
      const { to, redactor } = flowing
      const last = redactor.end()
      output.hear(redactor.foundNames)
      to.write(last, (error) => {
        if (error) return stop(error)
        to.removeListener("error", stop)
        resolve(undefined)
      })
    })
  })
}

export function notTaken(cause: Error): VaultError {
  return new VaultError("NO_ACCESS", `the program's output could not be written${codeOf(cause)}`, {
    hint: "check where it leads: the disk may be full, for example",
    cause,
  })
}
