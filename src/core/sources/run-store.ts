import { type ChildProcess, spawn } from "node:child_process"
import { delimiter, parse } from "node:path"
import { setImmediate } from "node:timers/promises"
import { EndedWithUs } from "../disk/ended-with-us.js"
import type { Environment } from "../disk/homes.js"
import { foldersOutside, isInside, programIn } from "../disk/outside-program.js"
import type { Place } from "../disk/place.js"
import { signalTree } from "../disk/process-tree.js"
import { LIMITS } from "../words/limits.js"

/** How long a store may take: some wait for a person's finger. In ms. */
const STORE_MS = 60_000
const OURS = /^AGENT_VAULT_/i
/** No pager for AWS; and Google's program would write all that it prints into a log of its own. */
const THEIRS = { AWS_PAGER: "", CLOUDSDK_CORE_DISABLE_FILE_LOGGING: "1" }

/** Why a store's program gave nothing, in words, and what to do where it is not the store's fault. */
export class StoreFailure extends Error {
  readonly mend: string | undefined

  constructor(why: string, mend?: string) {
    super(why)
    this.mend = mend
  }
}

/** For how long a program is waited for. */
export interface Patience {
  /** Aborted when nobody waits any more. */
  readonly ended?: AbortSignal | undefined
  /** In ms. */
  readonly timeLimit?: number | undefined
}

/** A signal to us alone would leave them running, with what they are signed in to. */
const withUs = new EndedWithUs()

/**
 * Runs a store's own program, which is found on PATH outside of the repository, runs from the root
 * folder, reads nothing and has no shell. All that it printed until it ended; what it said on stderr
 * may quote the value, and goes by. Rejects with a {@link StoreFailure}.
 */
export async function runStore(
  place: Place,
  env: Environment,
  program: string,
  args: readonly string[],
  patience: Patience = {},
): Promise<Buffer> {
  const folders = foldersOutside(place, env["PATH"])
  const file = programIn(folders, program)
  if (file === undefined || isInside(place, file)) {
    throw new StoreFailure(
      `there is no program ${program} on PATH`,
      `install ${program}, outside of the repository`,
    )
  }
  const others = Object.entries(env).filter(([name]) => !OURS.test(name))
  const { ended, timeLimit } = patience
  return withUs.during(() => {
    // Not in a session of its own: 1Password's program is let in by the terminal that it runs at.
    const child = spawn(file, args, {
      cwd: parse(place.root).root,
      env: { ...Object.fromEntries(others), PATH: folders.join(delimiter), ...THEIRS },
      stdio: ["ignore", "pipe", "ignore"],
      windowsHide: true,
    })
    const either = ended === undefined ? withUs.signal : AbortSignal.any([ended, withUs.signal])
    return printedBy(child, program, { ended: either, timeLimit })
  })
}

function printedBy(
  child: ChildProcess,
  program: string,
  { ended, timeLimit = STORE_MS }: Patience,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let size = 0
    const leave = (): void => {
      clearTimeout(timer)
      ended?.removeEventListener("abort", onEnded)
      child.stdout?.destroy()
      for (const piece of pieces) piece.fill(0)
    }
    const fail = (why: string): void => {
      leave()
      reject(new StoreFailure(`${program} ${why}`))
    }
    const stop = (why: string): void => {
      // With all that came of it; of one that has ended, the id may be another's by now.
      if (child.pid !== undefined && isRunning(child)) signalTree(child.pid, "SIGKILL")
      fail(why)
    }
    const onEnded = (): void => stop("is not waited for any more")
    const timer = setTimeout(() => stop(`took longer than ${timeLimit / 1000} s`), timeLimit)
    // First of all: where the system has no more files, there is no stdout either.
    child.once("error", () => fail("could not be started"))
    child.stdout?.on("data", (piece: Buffer) => {
      pieces.push(piece)
      size += piece.length
      // Around a value stand JSON and base64.
      if (size > 2 * LIMITS.value) stop("printed more than a secret may hold")
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
    if (ended?.aborted === true) onEnded()
    else ended?.addEventListener("abort", onEnded)
  })
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
