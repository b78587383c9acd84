import { platform } from "node:process"
import type { Readable } from "node:stream"
import { setTimeout as delay } from "node:timers/promises"
import { type Patterns, Redactor } from "../../core/index.js"
import { type Child, type Launch, start } from "../run/child.js"
import { processTree, signalTree } from "../../core/owner.js"

/** How long what is told to end may take, before it is ended, in ms. */
const GRACE_MS = 2000
/** How often it is looked whether all of it has gone, in ms. */
const LOOK_EVERY_MS = 20

/** How a program is run of which somebody else waits for the end. */
interface ApartTerms {
  /** What is taken out of all that it writes. */
  readonly patterns: Patterns
  /** Hears of which secrets it was so far, after each piece. */
  readonly hear?: ((found: readonly string[]) => void) | undefined
  /** Bytes of each of its streams that are wanted; it may write more. */
  readonly most: number
  /** In ms. */
  readonly timeLimit: number
  /** Ends it. */
  readonly signal: AbortSignal
}

/** What a program wrote, if `isCut` the beginning of it. */
interface GatheredOutput {
  readonly bytes: Uint8Array
  readonly isCut: boolean
}

/** How it ended, and what it wrote. */
export interface ApartEnd {
  readonly code: number
  /** The signal that ended it, if one did. */
  readonly signal: NodeJS.Signals | null
  /** Whether its time was up. */
  readonly isLate: boolean
  readonly stdout: GatheredOutput
  readonly stderr: GatheredOutput
}

/**
 * Runs a program that has nothing of our terminal, to its end: that of all its processes. Throws
 * `COMMAND_NOT_FOUND`, `COMMAND_NOT_STARTED`.
 */
export async function runApart(launch: Launch, terms: ApartTerms): Promise<ApartEnd> {
  const child = await start(launch, true)
  const [out, err] = child.written
  if (out === undefined || err === undefined) throw new TypeError("there are two streams")
  const streams = [new Gathered(out, terms), new Gathered(err, terms)] as const
  const first = await firstOf(child, terms)
  // Of what isolates the program, the outer process would take it along before it can act.
  const spared = launch.inside === undefined ? undefined : child.pid
  // There, nobody knows any more what came of a program that has ended.
  if (platform !== "win32") await endAll(child, spared)
  else if (first !== "ended") signalTree(child.pid, "SIGKILL")
  const code = await child.ended
  await Promise.all(streams.map((stream) => stream.close()))
  const [stdout, stderr] = streams.map((stream) => stream.written()) as [
    GatheredOutput,
    GatheredOutput,
  ]
  return { code, signal: child.endedBy(), isLate: first === "late", stdout, stderr }
}

/** What comes first: its own end, the end of its time, or that nobody wants it any more. */
async function firstOf(child: Child, terms: ApartTerms): Promise<"ended" | "late" | "unwanted"> {
  const { timeLimit, signal } = terms
  const settled = new AbortController()
  const either = AbortSignal.any([signal, settled.signal])
  const late = delay(timeLimit, "late" as const, { signal: either }).catch(
    () => "unwanted" as const,
  )
  try {
    return await Promise.race([child.ended.then(() => "ended" as const), late])
  } finally {
    settled.abort()
  }
}

/** Ends what there is still: what a program leaves running holds what it was given. */
async function endAll({ pid }: Child, spared: number | undefined): Promise<void> {
  if (processTree(pid).length === 0) return
  signalTree(pid, "SIGTERM", spared)
  const until = Date.now() + GRACE_MS
  while (processTree(pid).length > 0 && Date.now() < until) await delay(LOOK_EVERY_MS)
  signalTree(pid, "SIGKILL")
}

/** All that comes of a stream, redacted, as far as it is wanted; the rest goes by. */
class Gathered {
  readonly #from: Readable
  readonly #redactor: Redactor
  readonly #pieces: Uint8Array[] = []
  readonly #ended: Promise<void>
  readonly #most: number
  readonly #hear: ApartTerms["hear"]
  #length = 0

  constructor(
    from: Readable,
    { patterns, most, hear }: Pick<ApartTerms, "patterns" | "most" | "hear">,
  ) {
    this.#from = from
    this.#most = most
    this.#hear = hear
    this.#redactor = new Redactor(patterns)
    this.#ended = new Promise((resolve) => {
      from.on("data", (chunk: Buffer) => this.#take(() => this.#redactor.push(chunk)))
      // A stream that breaks has come to its end: whoever wrote is gone.
      from.once("error", () => from.emit("end"))
      from.once("end", () => {
        this.#take(() => this.#redactor.end())
        resolve()
      })
    })
  }

  #take(next: () => Uint8Array): void {
    if (this.#length > this.#most) return
    const piece = Uint8Array.from(next())
    this.#hear?.(this.#redactor.foundNames)
    this.#pieces.push(piece)
    this.#length += piece.length
  }

  /** A process that got away may hold the pipe: nobody waits for that one. */
  async close(): Promise<void> {
    await Promise.race([this.#ended, delay(GRACE_MS, undefined, { ref: false })])
    this.#from.destroy()
  }

  written(): GatheredOutput {
    const bytes = Buffer.concat(this.#pieces).subarray(0, this.#most)
    return { bytes, isCut: this.#length > this.#most }
  }
}
