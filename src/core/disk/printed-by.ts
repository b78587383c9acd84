import { type ChildProcess, spawn } from "node:child_process"
import { setImmediate } from "node:timers/promises"
import { signalTree } from "./process-tree.js"

/** A program, by its file or by its name on the PATH of `env`. */
interface Printing {
  readonly file: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Absent: where we are. */
  readonly cwd?: string
  /** What it reads on stdin, and the end of it. Absent: nothing. */
  readonly input?: string
}

/** For how much of a program, and for how long, it is waited for. */
interface PrintTerms {
  /** Bytes that it may print. */
  readonly most: number
  /** Aborted when nobody waits any more. */
  readonly ended: AbortSignal
  /** In ms; absent: as long as it takes. */
  readonly timeLimit?: number | undefined
}

/** Why a program gave nothing, in words that go behind its name. */
export class PrintFailure extends Error {}

/**
 * Runs a program that has no shell and is in our session. All that it printed until it ended; what it
 * says on stderr goes by, since it may quote that. One that is not waited for any more is ended with
 * all that came of it. Rejects with a {@link PrintFailure}, whose cause is the system's where the
 * program could not be started.
 */
export function printedBy(
  program: Printing,
  { most, ended, timeLimit }: PrintTerms,
): Promise<Buffer> {
  const child = start(program)
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let size = 0
    const leave = (): void => {
      clearTimeout(timer)
      ended.removeEventListener("abort", onEnded)
      child.stdout?.destroy()
      for (const piece of pieces) piece.fill(0)
    }
    const fail = (why: string, cause?: Error): void => {
      leave()
      reject(new PrintFailure(why, { cause }))
    }
    const stop = (why: string): void => {
      // With all that came of it; of one that has ended, the id may be another's by now.
      if (child.pid !== undefined && isRunning(child)) signalTree(child.pid, "SIGKILL")
      fail(why)
    }
    const onEnded = (): void => stop("is not waited for any more")
    const onLate = (): void => stop(`took longer than ${(timeLimit ?? 0) / 1000} s`)
    const timer = timeLimit === undefined ? undefined : setTimeout(onLate, timeLimit)
    // First of all: where the system has no more files, there is no stdout either.
    child.once("error", (cause) => fail("could not be started", cause))
    child.stdout?.on("data", (piece: Buffer) => {
      pieces.push(piece)
      size += piece.length
      if (size > most) stop("printed more than is taken")
    })
    const finish = async (): Promise<void> => {
      // What it printed is there. What it started may hold the pipe for as long as it likes.
      await untilStill(() => size)
      resolve(Buffer.concat(pieces))
      leave()
    }
    child.once("exit", (code, signal) => {
      if (code === 0) void finish()
      else fail(signal ? `was ended by ${signal}` : `ended with ${code ?? ""}`)
    })
    if (ended.aborted) onEnded()
    else ended.addEventListener("abort", onEnded)
  })
}

function start({ file, args, input, ...at }: Printing): ChildProcess {
  const reads = input === undefined ? "ignore" : "pipe"
  const child = spawn(file, args, { ...at, stdio: [reads, "pipe", "ignore"], windowsHide: true })
  // Whether one took all that it was to read, how it ends tells.
  child.stdin?.on("error", () => {})
  child.stdin?.end(input)
  return child
}

/** Resolves when a whole round of looking at what there is to read has changed nothing. */
async function untilStill(count: () => number): Promise<void> {
  for (let before = -1; before !== count();) {
    before = count()
    // The first of these comes in the round in which we are.
    await setImmediate()
    await setImmediate()
  }
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null
}
